using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>Compiles whatever owns table entries, for one pipeline: pure functions of the model. Not thread-safe.</summary>
internal abstract class ModelCompiler(Pipeline pipeline)
{
    public Pipeline Pipeline { get; } = pipeline;

    /// <summary>The tables that are written, read and compared; those that the data plane fills are not among them.</summary>
    public abstract IReadOnlyList<TableSchema> Tables { get; }

    /// <summary>Whether services' entries hold their backends' ports and MAC addresses.</summary>
    public virtual bool ServicesFollowEndpoints => false;

    /// <summary>Whether the target is told which ids were given out.</summary>
    public virtual bool HasMarks => false;

    /// <summary>Everything that owns entries.</summary>
    public static IEnumerable<OwnerId> OwnersOf(NetworkModel model) =>
        model.Endpoints.Keys.Select(OwnerId.OfEndpoint)
            .Concat(model.Services.Values.Select(s => OwnerId.OfService(s.Id)))
            .Append(OwnerId.Node).Append(OwnerId.Ids);

    /// <summary>The owner's entries, each key once; null when it is gone, or is an endpoint whose port is not known yet.</summary>
    public abstract Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf);

    /// <summary>
    /// The row that holds packets while this one is replaced; null where none is needed, or the pipeline has no such rows.
    /// </summary>
    public virtual Entry? HoldFor(Entry row) => null;

    /// <summary>The id up to which ids were given out, if the row says so; 0 otherwise.</summary>
    public virtual uint MarkOf(Entry row) => 0;
}
