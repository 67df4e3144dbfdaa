using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>A workload endpoint of Felix, translated.</summary>
internal sealed class FelixWorkload
{
    private const string ProfileTier = "profiles";

    private readonly FelixEndpoint _endpoint;
    private readonly SequenceOf<PolicyAddress> _addresses;

    private FelixWorkload(FelixEndpointId id, FelixEndpoint endpoint, SequenceOf<PolicyAddress> addresses, string? problem, int length) =>
        (Id, _endpoint, _addresses, Problem, Length) = (id, endpoint, addresses, problem, length);

    public FelixEndpointId Id { get; }

    /// <summary>Null, or why the endpoint cannot be served: it then drops everything.</summary>
    public string? Problem { get; }

    /// <summary>Length of its message in bytes.</summary>
    public int Length { get; }

    /// <summary>Felix wants it to have traffic.</summary>
    public bool IsActive => _endpoint.State == "active";

    public static FelixWorkload Of(FelixEndpointUpdate update)
    {
        var addresses = new List<PolicyAddress>();
        var problem = update.Endpoint.IsMalformed ? "it cannot be read" : null;
        foreach (var text in update.Endpoint.Nets)
        {
            if (!FelixMember.TryParseNet(text, out var net) || !net.IsHost)
            {
                problem ??= $"\"{FelixText.Shown(text)}\" is not one address";
            }
            else if (addresses.Any(a => a.IsIpv4 == net.IsIpv4))
            {
                problem ??= $"{net.First} is a second address of its family, and policy judges one of each";
            }
            else
            {
                addresses.Add(net.First);
            }
        }

        return new FelixWorkload(
            update.Id, update.Endpoint, [.. addresses], problem is null ? null : $"{problem}: it drops everything", update.Length);
    }

    /// <summary>The endpoint in the model.</summary>
    /// <param name="policyId">The ID in the model of a policy of Felix.</param>
    public EndpointPolicy ToModel(Func<string, string> policyId)
    {
        return new EndpointPolicy(_addresses, Policy(t => t.Ingress), Policy(t => t.Egress)) { IsActive = IsActive && Problem is null };

        // After the tiers the profiles; what nothing allows is dropped.
        DirectionPolicy Policy(Func<FelixTier, IReadOnlyList<FelixPolicyId>> policies) => new(
            [
                .. _endpoint.Tiers.Where(t => policies(t).Count > 0).Select(t => new TierPolicies(
                    t.Name, FelixActions.OfTier(t.DefaultAction), [.. policies(t).Select(p => policyId(p.Name))])),
                .. _endpoint.Profiles.Count == 0
                    ? (TierPolicies[])[]
                    : [new TierPolicies(
                        ProfileTier, PolicyAction.Deny, [.. _endpoint.Profiles.Select(p => policyId(FelixPolicyId.OfProfile(p).Name))])],
            ],
            IsOpen: false);
    }
}
