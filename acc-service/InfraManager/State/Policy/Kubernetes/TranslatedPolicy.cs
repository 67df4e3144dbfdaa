using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A policy of the model, with the sets that its rules name: each once.</summary>
internal sealed record TranslatedPolicy(
    PolicyRules Rules, IReadOnlyList<PodSet> PodSets, IReadOnlyList<PortNameSet> PortSets, IReadOnlyList<NodeSet> NodeSets)
{
    public static TranslatedPolicy Empty { get; } = new(new PolicyRules([], []), [], [], []);

    /// <summary>The IDs of the sets.</summary>
    public IEnumerable<string> Sets =>
        PodSets.Select(s => s.Id).Concat(PortSets.Select(s => s.Id)).Concat(NodeSets.Select(s => s.Id));
}
