using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;

namespace ACCOffload.InfraManager.Programming.Policy;

/// <summary>
/// The compiled policy of this node's pods, kept equal to its source. Used by the programmer only, after a change is durable: it cannot
/// undo.
/// </summary>
internal abstract class LocalPolicies(PolicyBindings bindings)
{
    public PolicyCompiler Compiler { get; } = new();

    /// <summary>Changes with the steps of a change, not before.</summary>
    public PolicyBindings Bindings { get; } = bindings;

    /// <summary>
    /// Whether the policy is not known yet. All pods are closed then, so the target keeps the rows that it has until they can be compared.
    /// </summary>
    public virtual bool IsDeferred => false;

    /// <summary>The number of policies.</summary>
    public abstract int CountOf(NetworkModel model);

    /// <summary>Compiles all of a model that was just loaded. The rows are those of <see cref="PolicyCompiler.Rows"/>.</summary>
    public abstract void Load(NetworkModel model, NodeSettings node);

    /// <summary>Follows the changes that the model's journal has recorded.</summary>
    /// <returns>Null if nothing changed.</returns>
    public abstract PolicyChange? Update(NetworkModel model, NodeSettings node);
}
