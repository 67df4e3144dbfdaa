namespace ACCOffload.Felix.Tests.Calico;

/// <summary>A policy of one direction or both, for the endpoints with a label.</summary>
/// <param name="Tier">The tier.</param>
/// <param name="Namespace">The namespace, to which its selectors are limited; empty for a policy of all namespaces.</param>
/// <param name="Name">The name without the tier's.</param>
/// <param name="Order">Its place in the tier: the lowest comes first.</param>
/// <param name="App">The label of the endpoints.</param>
/// <param name="Ingress">The rules for packets to the endpoints; null if it says nothing about them.</param>
/// <param name="Egress">The rules for packets of the endpoints; null if it says nothing about them.</param>
internal sealed record CalicoPolicy(
    string Tier, string Namespace, string Name, double Order, string App, IReadOnlyList<CalicoRule>? Ingress,
    IReadOnlyList<CalicoRule>? Egress)
{
    /// <summary>It is not enforced.</summary>
    public bool IsStaged { get; init; }

    /// <summary>The name in the datastore.</summary>
    public string FullName => $"{Tier}.{Name}";

    public bool Selects(CalicoEndpoint endpoint) => endpoint.App == App && (Namespace.Length == 0 || endpoint.Namespace == Namespace);
}
