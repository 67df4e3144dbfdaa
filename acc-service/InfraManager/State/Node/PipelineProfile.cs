using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// A pipeline that a target may run: everything that differs between pipelines. There is one object per profile
/// (Programming/Pipelines); no other code branches on the pipeline.
/// </summary>
internal abstract class PipelineProfile
{
    /// <summary>Its name in the configuration.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// Whether InfraManager ships the compiled pipeline. Otherwise it is a package, which the target has loaded itself unless
    /// Pipeline:Package names it.
    /// </summary>
    public abstract bool IsBuiltIn { get; }

    /// <summary>Whether it is compiled for the E2100 rather than for P4-DPDK or the soft target.</summary>
    public virtual bool IsForE2100 => false;

    /// <summary>The restrictions of the pipeline's services; null when there are none.</summary>
    public virtual ServiceLimits? Services => null;

    /// <summary>The order in which its tables are written.</summary>
    public abstract TableOrder Order { get; }

    /// <summary>Whether the pipeline can route to other nodes through neighbours and tunnels.</summary>
    public virtual bool RoutesNodes => false;

    /// <summary>Whether the pipeline judges packets by network policy.</summary>
    public virtual bool JudgesPolicy => false;

    /// <summary>How ports get their numbers; null when the target decides.</summary>
    public abstract PortRule? PortRule { get; }

    /// <summary>The pipeline number of the port that receives ARP for the gateway; null when no port does.</summary>
    public virtual uint? ArpPortOf(NodeSettings node) => null;

    /// <summary>The pool ports that may be lent to attachments.</summary>
    /// <param name="names">The pool, in port number order.</param>
    /// <param name="node">The node.</param>
    public virtual IReadOnlyList<string> AssignablePorts(IReadOnlyList<string> names, NodeSettings node) => names;

    /// <summary>The compiler of the model for this pipeline.</summary>
    /// <exception cref="P4InfoException">The pipeline lacks a table, field, action or parameter; the message names it.</exception>
    public abstract ModelCompiler CreateCompiler(Pipeline pipeline, NodeSettings node);

    public override string ToString() => Name;
}
