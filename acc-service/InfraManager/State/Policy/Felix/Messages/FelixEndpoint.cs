namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>A tier of an endpoint.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DefaultAction">"Pass" or "Deny"; empty is Deny.</param>
/// <param name="Ingress">The policies that apply to incoming flows, in order, staged ones included.</param>
/// <param name="Egress">Those for outgoing flows.</param>
internal sealed record FelixTier(
    string Name, string DefaultAction, IReadOnlyList<FelixPolicyId> Ingress, IReadOnlyList<FelixPolicyId> Egress);

/// <summary>A workload endpoint as Felix sends it.</summary>
internal sealed record FelixEndpoint
{
    /// <summary>"active", or else everything is dropped.</summary>
    public string State { get; init; } = "";

    /// <summary>Its addresses of both families, in CIDR notation.</summary>
    public IReadOnlyList<string> Nets { get; init; } = [];

    /// <summary>The names of its profiles, in order.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];

    public IReadOnlyList<FelixTier> Tiers { get; init; } = [];

    /// <summary>Part of the message cannot be read.</summary>
    public bool IsMalformed { get; init; }
}
