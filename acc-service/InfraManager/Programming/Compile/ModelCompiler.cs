using ACCOffload.InfraManager.Programming.Compile.Package;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>Compiles whatever owns table entries, for one pipeline: pure functions of the model. Not thread-safe.</summary>
internal abstract class ModelCompiler(Pipeline pipeline)
{
    public Pipeline Pipeline { get; } = pipeline;

    /// <summary>The tables that are written, read and compared. What others fill is none of them.</summary>
    public abstract IReadOnlyList<TableSchema> Tables { get; }

    /// <summary>Whether services' entries hold their backends' ports and MAC addresses.</summary>
    public virtual bool ServicesFollowEndpoints => false;

    /// <summary>What holds packets while rows are replaced; null where the pipeline has no such table.</summary>
    public virtual RowHolds? Holds => null;

    /// <summary>Says on the target which ids were given; null where the pipeline has no place for it.</summary>
    public virtual IdMark? Marks => null;

    /// <summary>The compiler for the node's profile.</summary>
    /// <exception cref="P4InfoException">The pipeline lacks a table, field, action or parameter; the message names it.</exception>
    public static ModelCompiler For(Pipeline pipeline, NodeSettings node) => node.Profile switch
    {
        PipelineProfile.Es2k2401 => new Es2kCompiler(pipeline, node),
        PipelineProfile.Dpdk2401 => new DpdkCompiler(pipeline, node),
        _ => new K8sCompiler(pipeline, node),
    };

    /// <summary>Everything that owns entries.</summary>
    public static IEnumerable<OwnerId> OwnersOf(NetworkModel model) =>
        model.Endpoints.Values.Select(e => OwnerId.OfEndpoint(e.Id))
            .Concat(model.Services.Values.Select(s => OwnerId.OfService(s.Id)))
            .Append(OwnerId.Node).Append(OwnerId.Ids);

    /// <summary>The owner's entries, each key once; null when it is no more, or is an endpoint whose port is not known yet.</summary>
    public abstract Entry[]? Compile(OwnerId owner, NetworkModel model, Func<string, uint?> portOf);
}
