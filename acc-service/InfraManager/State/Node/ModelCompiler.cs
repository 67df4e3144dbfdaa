using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>Compiles the owners of table entries for one pipeline: pure functions of the model. Not thread-safe.</summary>
internal abstract class ModelCompiler(Pipeline pipeline)
{
    public Pipeline Pipeline { get; } = pipeline;

    /// <summary>The tables that are written, read and compared, without those that the data plane fills.</summary>
    public abstract IReadOnlyList<TableSchema> Tables { get; }

    /// <summary>Whether the entries of services contain the ports and MAC addresses of their backends.</summary>
    public virtual bool ServicesFollowEndpoints => false;

    /// <summary>Whether a high-water mark of the allocated IDs is kept on the target.</summary>
    public virtual bool HasMarks => false;

    /// <summary>All owners of entries.</summary>
    public static IEnumerable<OwnerId> OwnersOf(NetworkModel model) =>
        model.Endpoints.Keys.Select(OwnerId.OfEndpoint)
            .Concat(model.Services.Values.Select(s => OwnerId.OfService(s.Id)))
            .Concat(model.RemoteNodes.Values.Select(n => OwnerId.OfRemoteNode(n.Id)))
            .Concat(model.Neighbors.Values.Select(n => OwnerId.OfNeighbor(n.Id)))
            .Append(OwnerId.Node).Append(OwnerId.Ids).Append(OwnerId.Clock);

    /// <summary>The owner's entries with unique keys; null when the owner is gone or is an endpoint whose port number is unknown.</summary>
    public abstract Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf);

    /// <summary>
    /// The entry that drops packets while this row is replaced; null when none is needed or the pipeline has no such table.
    /// </summary>
    public virtual Entry? HoldFor(Entry row) => null;

    /// <summary>The entry of a row of policy; null if the pipeline forwards nothing that it is about.</summary>
    public virtual Entry? CompilePolicy(PolicyRow row, PolicyNumbering numbers) => null;

    /// <summary>Adds what an entry that was read back says about policy.</summary>
    public virtual void ReadPolicy(Entry entry, PolicyTargetRows rows)
    {
    }

    /// <summary>The high-water mark of allocated IDs that the row records; 0 for any other row.</summary>
    public virtual uint MarkOf(Entry row) => 0;

    /// <summary>The value of the session affinity clock that the row records; 0 for any other row.</summary>
    public virtual uint TimeOf(Entry row) => 0;
}
