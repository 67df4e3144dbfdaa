using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Points;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// What the target's rows are compared with. Taking it costs the programmer's loop a copy of the model's tables, about a millisecond for a
/// thousand pods or rules; the comparison itself runs elsewhere.
/// </summary>
/// <param name="Model">The policies, sets and addresses.</param>
/// <param name="Rules">The names of rules by their number.</param>
/// <param name="Endpoints">The pods of this node.</param>
/// <param name="IsReady">Whether the target has the rows.</param>
/// <param name="Revision">Changes whenever rows of policy may have been written.</param>
internal sealed record PolicySnapshot(
    PolicyModel Model, IReadOnlyDictionary<uint, string> Rules, IReadOnlyList<JudgedEndpoint> Endpoints, bool IsReady, long Revision)
{
    public static PolicySnapshot Of(PolicyInForce policy)
    {
        var endpoints = new List<JudgedEndpoint>();
        foreach (var endpoint in policy.Pods)
        {
            var key = PolicyBindings.KeyOf(endpoint.Spec);
            endpoints.Add(new JudgedEndpoint(
                key,
                [.. endpoint.Spec.Addresses.Select(PolicyAddress.Of)],
                policy.PortOf(endpoint.Spec.PortName),
                policy.PolicyOf(endpoint),
                policy.ClosedBecause(endpoint, PolicyDirection.Ingress).Length > 0,
                policy.ClosedBecause(endpoint, PolicyDirection.Egress).Length > 0,
                policy.Compiler.Unresolved.Contains(key)));
        }

        return new PolicySnapshot(
            policy.Compiler.Model.Copy(), policy.Compiler.Rules.Copy(), endpoints, policy.IsReady, policy.Revision);
    }
}
