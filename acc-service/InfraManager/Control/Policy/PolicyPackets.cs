using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// Which rows judge a pod, so that their packets are those of its rules. Pods with the same policies share their sets, and sets share
/// groups: then the packets are those of all these pods.
/// </summary>
internal sealed class PolicyPackets
{
    /// <summary>Policies in an answer.</summary>
    public const int MaxPolicies = 64;

    private readonly RowsOfDirection _ingress;
    private readonly RowsOfDirection _egress;

    private PolicyPackets(RowsOfDirection ingress, RowsOfDirection egress) => (_ingress, _egress) = (ingress, egress);

    /// <summary>Takes the time of a walk over the groups of all sets.</summary>
    /// <param name="policy">The policy in force.</param>
    /// <param name="endpoint">A pod of this node.</param>
    public static PolicyPackets Of(PolicyInForce policy, Endpoint endpoint) => new(
        RowsOfDirection.Of(policy, endpoint, PolicyDirection.Ingress), RowsOfDirection.Of(policy, endpoint, PolicyDirection.Egress));

    /// <summary>Adds what policies have counted on this node.</summary>
    public static void Add(PolicySummary summary, RuleCounterWatch counters, TimeProvider time)
    {
        var state = counters.State;
        summary.CountingProblem = state.Problem;
        if (state.Since is not { } since)
        {
            return;
        }

        summary.CountedSeconds = Math.Max(0, (time.GetUtcNow() - since).TotalSeconds);
        var policies = counters.Policies();
        summary.PacketsLeftOut = (uint)Math.Max(0, policies.Count - MaxPolicies);
        summary.Packets.AddRange(policies.Take(MaxPolicies).Select(p => new PolicyTotalInfo
        {
            Policy = p.Policy,
            Allowed = (ulong)p.Allowed,
            Denied = (ulong)p.Denied,
            WouldDrop = (ulong)p.WouldDrop,
        }));
    }

    /// <summary>Adds to a description what its rules have counted.</summary>
    public void AddTo(PodPolicy pod, RuleCounterWatch counters)
    {
        var state = counters.State;
        pod.CountingProblem = state.Problem;
        if (state.Since is not null)
        {
            _ingress.AddTo(pod.Ingress, counters);
            _egress.AddTo(pod.Egress, counters);
        }
    }

    /// <summary>The rows that judge one direction of a pod.</summary>
    /// <param name="groups">The target's numbers of the groups.</param>
    /// <param name="defaults">The names of the rules that decide where a group has no row.</param>
    /// <param name="pods">The number of pods that these groups judge.</param>
    private sealed class RowsOfDirection(IReadOnlySet<uint> groups, IReadOnlySet<string> defaults, int pods)
    {
        private const string Allow = "allow";
        private const string Deny = "deny";

        public static RowsOfDirection Of(PolicyInForce policy, Endpoint endpoint, PolicyDirection direction)
        {
            var (compiler, number) = (policy.Compiler, policy.SetOf(endpoint, direction));
            var groups = new HashSet<PolicyGroup>();
            foreach (var set in number == 0 || !policy.IsReady ? [] : compiler.Sets)
            {
                if (policy.Bindings.Numbers.Group(set.Number) == number)
                {
                    groups.UnionWith(set.Groups.Values);
                    groups.Add(set.Own);
                }
            }

            return new RowsOfDirection(
                groups.Select(g => policy.Bindings.Numbers.Group(g.Number)).ToHashSet(),
                groups.Where(g => g.Function.Cells.Count < compiler.PortClasses.Count)
                    .Select(g => compiler.Rules[g.Function.Default.Rule]).ToHashSet(StringComparer.Ordinal),
                PodsOf(policy, groups));
        }

        public void AddTo(PolicyInDirection message, RuleCounterWatch counters)
        {
            if (groups.Count == 0)
            {
                return;
            }

            message.PacketsPods = (uint)pods;
            var (decided, wouldDrop) = counters.CountsOf(groups);
            message.DefaultPackets = Decided(DirectionPolicy.DefaultRule);
            foreach (var tier in message.Tiers)
            {
                var byDefault = new TierPolicies(tier.Name, PolicyAction.Deny, []).DefaultRule;
                tier.DefaultPackets = Decided(byDefault);
                tier.WouldDrop = (ulong)wouldDrop.GetValueOrDefault(byDefault);
                foreach (var policy in tier.Policies)
                {
                    foreach (var rule in policy.Rules)
                    {
                        rule.Packets = (policy.Staged, rule.Action) switch
                        {
                            (true, Deny) => new RulePackets { Count = (ulong)wouldDrop.GetValueOrDefault(rule.Name) },
                            (false, Deny or Allow) => Decided(rule.Name),
                            _ => null,
                        };
                    }
                }
            }

            RulePackets Decided(string rule) =>
                new() { Count = (ulong)decided.GetValueOrDefault(rule), Partial = defaults.Contains(rule) };
        }

        private static int PodsOf(PolicyInForce policy, HashSet<PolicyGroup> groups)
        {
            var sets = new HashSet<uint>();
            foreach (var set in policy.Compiler.Sets)
            {
                if (groups.Contains(set.Own) || set.Groups.Values.Any(groups.Contains))
                {
                    sets.Add(policy.Bindings.Numbers.Group(set.Number));
                }
            }

            var count = 0;
            foreach (var pod in policy.Pods)
            {
                var bound = policy.Bindings.Of(pod);
                count += sets.Contains(bound.Egress) || sets.Contains(bound.Ingress) ? 1 : 0;
            }

            return count;
        }
    }
}
