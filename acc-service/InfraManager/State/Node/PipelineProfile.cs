using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// A pipeline that a target may run: the answers to everything that differs between pipelines. There is one object for each profile
/// (Programming/Pipelines); nobody else asks which one it is.
/// </summary>
internal abstract class PipelineProfile
{
    /// <summary>Its name in the configuration.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// Whether InfraManager has the compiled pipeline's files itself. Otherwise it is a package, which the target has loaded unless
    /// Pipeline:Package names it.
    /// </summary>
    public abstract bool IsBuiltIn { get; }

    /// <summary>Whether it is compiled for the E2100 rather than for P4-DPDK or the soft target.</summary>
    public virtual bool IsForE2100 => false;

    /// <summary>What the pipeline's services can't do; null where they can do everything.</summary>
    public virtual ServiceLimits? Services => null;

    /// <summary>The order in which its tables are written.</summary>
    public abstract TableOrder Order { get; }

    /// <summary>How its ports get their numbers; null where the target decides.</summary>
    public abstract PortRule? PortRule { get; }

    /// <summary>The number of the port that ARP for the gateway is led to; null where it is led to none.</summary>
    public virtual uint? ArpPortOf(NodeSettings node) => null;

    /// <summary>The ports of a target's pool that may be lent to attachments.</summary>
    /// <param name="names">The pool, in the order of the ports' numbers.</param>
    /// <param name="node">The node.</param>
    public virtual IReadOnlyList<string> LentPorts(IReadOnlyList<string> names, NodeSettings node) => names;

    /// <summary>The compiler of the model for this pipeline.</summary>
    /// <exception cref="P4InfoException">The pipeline lacks a table, field, action or parameter; the message names it.</exception>
    public abstract ModelCompiler CreateCompiler(Pipeline pipeline, NodeSettings node);

    public override string ToString() => Name;
}
