using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>A policy of the model, with the sets that its rules name.</summary>
internal sealed record TranslatedPolicy(PolicyRules Rules, IReadOnlyList<PodSet> PodSets, IReadOnlyList<PortNameSet> PortSets);
