using System.Collections.Immutable;
using System.Net;

namespace ACCOffload.Felix.Tests.Calico;

/// <summary>
/// All that Calico's datastore says about policy, and what it means: reads tiers, policies and rules in order, as Calico's documentation
/// says, and knows nothing of what Felix makes of them.
/// </summary>
internal sealed record CalicoCluster
{
    /// <summary>The tiers in their order; each denies what none of its policies decides about.</summary>
    public static readonly IReadOnlyList<string> Tiers = ["security", "default"];

    public ImmutableDictionary<string, CalicoEndpoint> Endpoints { get; init; } = ImmutableDictionary<string, CalicoEndpoint>.Empty;

    public ImmutableDictionary<string, CalicoPolicy> Policies { get; init; } = ImmutableDictionary<string, CalicoPolicy>.Empty;

    /// <summary>Network sets of all namespaces: their label <c>app</c>, and their addresses.</summary>
    public ImmutableDictionary<string, ImmutableHashSet<string>> Sets { get; init; } =
        ImmutableDictionary<string, ImmutableHashSet<string>>.Empty;

    public CalicoCluster With(CalicoEndpoint endpoint) => this with { Endpoints = Endpoints.SetItem(endpoint.Address, endpoint) };

    public CalicoCluster With(CalicoPolicy policy) => this with { Policies = Policies.SetItem($"{policy.Namespace}/{policy.FullName}", policy) };

    public CalicoCluster With(string set, ImmutableHashSet<string> members) => this with { Sets = Sets.SetItem(set, members) };

    /// <summary>
    /// Whether a flow passes on a node: the egress of its client and the ingress of its server, where they are of the node.
    /// </summary>
    public bool Allows(string node, string client, string server, string protocol, int port) =>
        IsAllowed(node, client, isIngress: false, server, protocol, port)
        && IsAllowed(node, server, isIngress: true, client, protocol, port);

    private bool IsAllowed(string node, string address, bool isIngress, string peer, string protocol, int port)
    {
        if (!Endpoints.TryGetValue(address, out var endpoint) || endpoint.Node != node)
        {
            return true;
        }

        foreach (var tier in Tiers)
        {
            var policies = Policies.Values
                .Where(p => p.Tier == tier && !p.IsStaged && p.Selects(endpoint) && RulesOf(p) is not null)
                .OrderBy(p => p.Order).ThenBy(p => p.FullName, StringComparer.Ordinal)
                .ToList();
            if (policies.Count == 0)
            {
                continue;
            }

            var action = policies
                .SelectMany(p => RulesOf(p)!.Where(r => r.Action != "Log" && Matches(p, r)).Select(r => r.Action))
                .FirstOrDefault("Deny");
            if (action != "Pass")
            {
                return action == "Allow";
            }
        }

        // The profile of the namespace allows everything.
        return true;

        IReadOnlyList<CalicoRule>? RulesOf(CalicoPolicy policy) => isIngress ? policy.Ingress : policy.Egress;

        bool Matches(CalicoPolicy policy, CalicoRule rule) =>
            (rule.Protocol.Length == 0 || rule.Protocol == protocol)
            && (rule.Port == 0 || rule.Port == port)
            && (rule.Net.Length == 0 || IPNetwork.Parse(rule.Net).Contains(IPAddress.Parse(peer)))
            && (rule.App.Length == 0 || IsSelected(policy, rule.App, peer));
    }

    private bool IsSelected(CalicoPolicy policy, string app, string peer) =>
        (Endpoints.TryGetValue(peer, out var endpoint) && endpoint.App == app
            && (policy.Namespace.Length == 0 || endpoint.Namespace == policy.Namespace))
        || (policy.Namespace.Length == 0 && Sets.TryGetValue(app, out var members) && members.Contains(peer));
}
