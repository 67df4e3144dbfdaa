using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// The policy in force for one pod, in order, with rule names. The answer has a limited size and takes one walk over the pod's own rules.
/// </summary>
internal sealed class PolicyDescription
{
    /// <summary>Rules of one direction in an answer.</summary>
    public const int MaxRules = 256;

    /// <summary>Lines about what one rule matches.</summary>
    public const int MaxMatches = 8;

    private readonly PolicyInForce _policy;
    private readonly Endpoint _endpoint;

    private PolicyDescription(PolicyInForce policy, Endpoint endpoint) => (_policy, _endpoint) = (policy, endpoint);

    /// <param name="policy">The policy in force.</param>
    /// <param name="endpoint">A pod of this node.</param>
    public static PodPolicy Of(PolicyInForce policy, Endpoint endpoint)
    {
        var description = new PolicyDescription(policy, endpoint);
        var pod = new PodPolicy
        {
            Pod = PolicyBindings.KeyOf(endpoint.Spec),
            Uid = endpoint.Spec.PodUid,
            Ingress = description.Of(PolicyDirection.Ingress),
            Egress = description.Of(PolicyDirection.Egress),
        };
        pod.Addresses.AddRange(endpoint.Spec.Addresses.Select(a => a.ToString()));
        return pod;
    }

    private PolicyInDirection Of(PolicyDirection direction)
    {
        var model = _policy.Compiler.Model;
        var key = PolicyBindings.KeyOf(_endpoint.Spec);
        var set = _policy.SetOf(_endpoint, direction);
        var closed = _policy.ClosedBecause(_endpoint, direction);
        var message = new PolicyInDirection
        {
            Direction = PolicyWords.Of(direction),
            State = closed.Length > 0 ? "closed" : set == 0 ? "open" : "judged",
            Reason = closed,
            Set = set,
            Default = "allow",
        };
        if (_policy.PolicyOf(_endpoint) is not { } endpoint)
        {
            return message;
        }

        if (closed.Length == 0)
        {
            message.Reason = !endpoint.IsActive ? EndpointPolicy.InactiveRule : Unresolved(model, key, endpoint);
        }

        var policy = endpoint.Of(direction);
        message.Default = PolicyWords.Of(policy.IsOpen ? PolicyAction.Allow : PolicyAction.Deny);
        var room = MaxRules;
        foreach (var tier in policy.Tiers)
        {
            message.Tiers.Add(Of(model, tier, direction, message, ref room));
        }

        return message;
    }

    private string Unresolved(PolicyModel model, string key, EndpointPolicy endpoint) => _policy.Compiler.Unresolved.Contains(key)
        ? $"refers to {model.MissingReference(endpoint)}, which is not known: former rules stay, and a new pod is closed"
        : "";

    private static PolicyTier Of(
        PolicyModel model, TierPolicies tier, PolicyDirection direction, PolicyInDirection message, ref int room)
    {
        var result = new PolicyTier { Name = tier.Name, Default = PolicyWords.OfDefault(tier.Default) };
        foreach (var id in tier.Policies)
        {
            if (!model.Policies.TryGetValue(id, out var policy))
            {
                continue;
            }

            var info = new PolicyOfTier { Name = KubernetesPolicies.NameOf(id), Staged = policy.IsStaged };
            PolicyRuleInfo? last = null;
            foreach (var rule in policy.Of(direction))
            {
                // One entry of a policy may be several rules with its name.
                if (last is null || last.Name != rule.Name)
                {
                    last = new PolicyRuleInfo { Name = rule.Name, Action = PolicyWords.Of(rule.Action) };
                    if (room-- > 0)
                    {
                        info.Rules.Add(last);
                    }
                    else
                    {
                        message.RulesLeftOut++;
                    }
                }

                if (last.Matches.Count < MaxMatches)
                {
                    last.Matches.Add(RuleText.Of(rule.Match, direction));
                }
                else
                {
                    last.MatchesLeftOut++;
                }
            }

            if (room > 0 || info.Rules.Count > 0)
            {
                result.Policies.Add(info);
            }
        }

        return result;
    }
}
