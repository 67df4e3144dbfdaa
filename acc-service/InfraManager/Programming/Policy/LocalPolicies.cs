using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>
/// The compiled policy of this node's pods, kept equal to its source. Used by the programmer only, after a change is durable: it cannot
/// undo.
/// </summary>
/// <param name="bindings">Which sets apply to which endpoint.</param>
/// <param name="countedRows">As of <see cref="PolicyCompiler"/>.</param>
internal abstract class LocalPolicies(PolicyBindings bindings, int countedRows)
{
    public PolicyCompiler Compiler { get; } = new(countedRows: countedRows);

    /// <summary>Changes with the steps of a change, not before.</summary>
    public PolicyBindings Bindings { get; } = bindings;

    /// <summary>
    /// Whether the policy is not known yet. All pods are closed then, so the target keeps the rows that it has until they can be compared.
    /// </summary>
    public virtual bool IsDeferred => false;

    /// <summary>Whether the API server is the source.</summary>
    public virtual bool IsOfCluster => false;

    /// <summary>What operators call the source (Policy:Source).</summary>
    public abstract string Source { get; }

    /// <summary>The number of policies.</summary>
    public abstract int CountOf(NetworkModel model);

    /// <summary>Compiles all of a model that was just loaded. The rows are those of <see cref="PolicyCompiler.Rows"/>.</summary>
    public abstract void Load(NetworkModel model, NodeSettings node);

    /// <summary>Follows the changes that the model's journal has recorded.</summary>
    /// <returns>Null if nothing changed.</returns>
    public abstract PolicyChange? Update(NetworkModel model, NodeSettings node);

    /// <summary>The addresses of pods, of which one that is not known matches no allow and every deny.</summary>
    public virtual SequenceOf<PolicyNet> PodRanges => [];

    /// <summary>
    /// The objects of the API server that the policies follow from, as the compiler has them; empty with another source. Takes the time of
    /// a walk over all objects.
    /// </summary>
    public virtual List<(PolicyObjectKey Key, PolicyObject? Object)> Objects(NetworkModel model) => [];
}
