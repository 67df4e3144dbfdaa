using System.Collections.Immutable;
using System.Net;

namespace ACCOffload.InfraManager.Tests.Programming.Felix;

/// <summary>
/// What a Felix wants to pass, read as Calico documents tiers, policies and profiles: no sets of the pipeline and no classes. Immutable, so
/// that a test can ask the state before a change.
/// </summary>
internal sealed record FelixOracle
{
    /// <summary>The members of the IP sets.</summary>
    public ImmutableDictionary<string, ImmutableHashSet<IPAddress>> Sets { get; init; } =
        ImmutableDictionary<string, ImmutableHashSet<IPAddress>>.Empty;

    public ImmutableDictionary<string, OraclePolicy> Policies { get; init; } = ImmutableDictionary<string, OraclePolicy>.Empty;

    public ImmutableDictionary<string, OraclePod> Pods { get; init; } = ImmutableDictionary<string, OraclePod>.Empty;

    /// <summary>Whether a pod with this name and address passes a flow with a peer.</summary>
    public bool Allows(string pod, IPAddress address, bool isIngress, IPAddress peer, byte protocol, ushort port)
    {
        if (!Pods.TryGetValue(pod, out var known) || !known.Address.Equals(address))
        {
            return false;
        }

        foreach (var tier in known.Tiers)
        {
            var enforced = tier.Policies.Where(p => !Policies[p].IsStaged).ToList();
            if (enforced.Count == 0)
            {
                continue;
            }

            var action = enforced.SelectMany(p => isIngress ? Policies[p].Ingress : Policies[p].Egress)
                .FirstOrDefault(r => r.Action != "log" && Matches(r, peer, protocol, port))?.Action ?? (tier.Passes ? "next-tier" : "deny");
            if (action != "next-tier")
            {
                return action == "allow";
            }
        }

        return known.HasProfile;
    }

    private bool Matches(OracleRule rule, IPAddress peer, byte protocol, ushort port) =>
        (rule.Set.Length == 0 || Sets[rule.Set].Contains(peer)) && (rule.Port == 0 || (protocol == 6 && rule.Port == port));
}

/// <param name="Action">"allow", "deny", "next-tier" or "log".</param>
/// <param name="Set">The set that the peer is in; empty for any peer.</param>
/// <param name="Port">The TCP port; 0 for every packet.</param>
internal sealed record OracleRule(string Action, string Set, ushort Port);

internal sealed record OraclePolicy(bool IsStaged, OracleRule[] Ingress, OracleRule[] Egress);

/// <param name="Name">Its name.</param>
/// <param name="Passes">Its default action: pass or deny.</param>
/// <param name="Policies">The names of its policies, in order.</param>
internal sealed record OracleTier(string Name, bool Passes, string[] Policies);

/// <param name="Address">Its address.</param>
/// <param name="Tiers">Its tiers, in order.</param>
/// <param name="HasProfile">Whether it has the profile that allows everything.</param>
internal sealed record OraclePod(IPAddress Address, OracleTier[] Tiers, bool HasProfile);
