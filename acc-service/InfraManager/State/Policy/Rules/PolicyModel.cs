using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>
/// The policy of this node, whichever API it comes from: policies, sets, what is known about addresses, and the endpoints.
/// </summary>
internal sealed class PolicyModel
{
    /// <summary>By ID.</summary>
    public Dictionary<string, PolicyRules> Policies { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// The sets that exist, by ID, with the blocks among their members. Single addresses and named ports are in <see cref="Peers"/>.
    /// </summary>
    public Dictionary<string, SequenceOf<PolicyNet>> Sets { get; } = new(StringComparer.Ordinal);

    public PeerDirectory Peers { get; private init; } = new();

    /// <summary>
    /// The cluster's pod ranges. Nothing is known about an address in them that is not in <see cref="Peers"/>: it matches no allow by
    /// set, and every deny.
    /// </summary>
    public SequenceOf<PolicyNet> PodRanges { get; set; }

    /// <summary>By the endpoint's ID.</summary>
    public Dictionary<string, EndpointPolicy> Endpoints { get; } = new(StringComparer.Ordinal);

    /// <summary>A copy that later changes do not touch. It shares what is immutable: the time and memory are those of its tables.</summary>
    public PolicyModel Copy()
    {
        var copy = new PolicyModel { PodRanges = PodRanges, Peers = Peers.Copy() };
        foreach (var (id, policy) in Policies)
        {
            copy.Policies.Add(id, policy);
        }

        foreach (var (id, nets) in Sets)
        {
            copy.Sets.Add(id, nets);
        }

        foreach (var (id, endpoint) in Endpoints)
        {
            copy.Endpoints.Add(id, endpoint);
        }

        return copy;
    }

    /// <summary>Whether the sets that an address is in are known.</summary>
    public bool IsKnown(PolicyAddress address) => Peers.TryFind(address, out _) || !PodRanges.Any(r => r.Contains(address));

    /// <summary>Null, or what an endpoint's policies refer to that does not exist.</summary>
    public string? MissingReference(EndpointPolicy endpoint)
    {
        foreach (var direction in (ReadOnlySpan<PolicyDirection>)[PolicyDirection.Ingress, PolicyDirection.Egress])
        {
            foreach (var id in endpoint.Of(direction).Tiers.SelectMany(t => t.Policies))
            {
                if (!Policies.TryGetValue(id, out var policy))
                {
                    return $"policy {id}";
                }

                if (policy.Of(direction).SelectMany(r => r.Match.Sets).FirstOrDefault(s => !Sets.ContainsKey(s)) is { } set)
                {
                    return $"set {set}";
                }
            }
        }

        return null;
    }
}
