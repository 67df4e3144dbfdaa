using System.Net;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>One end of a packet, as policy sees it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Addresses">Its addresses.</param>
/// <param name="Pod">Namespace and name; empty if it is no known pod.</param>
/// <param name="Node">The pod's node, or the node that has the address; empty if not known.</param>
/// <param name="Endpoint">The endpoint of a pod of this node.</param>
internal sealed record PolicyEnd(PolicyEndKind Kind, IReadOnlyList<PolicyAddress> Addresses, string Pod, string Node, Endpoint? Endpoint)
{
    /// <summary>What it is, in words.</summary>
    public string KindName => Kind switch
    {
        PolicyEndKind.LocalPod => "local pod",
        PolicyEndKind.RemotePod => "pod of another node",
        PolicyEndKind.Node => "node",
        PolicyEndKind.NodeAddress => $"address of node {Node}",
        PolicyEndKind.UnknownPod => "unknown pod",
        _ => "outside",
    };
}

internal enum PolicyEndKind
{
    /// <summary>An address that is no pod's.</summary>
    Outside,

    /// <summary>An address in a pod range about which nothing is known.</summary>
    UnknownPod,

    /// <summary>This node itself.</summary>
    Node,

    /// <summary>
    /// An address of a Node of the cluster, which peers by nodes ask for. Nodes are known only while a policy has such peers.
    /// </summary>
    NodeAddress,

    RemotePod,
    LocalPod,
}

/// <summary>Finds who is meant by a pod's name or an address. The time is that of a walk over the cluster's pods.</summary>
internal static class PolicyParties
{
    /// <param name="policy">The policy in force.</param>
    /// <param name="field">The request's field, for errors.</param>
    /// <param name="text">NAMESPACE/POD or an address.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT: it is neither, or there is no such pod; names the field.</exception>
    public static PolicyEnd Find(PolicyInForce policy, string field, string text)
    {
        if (text.Contains('/', StringComparison.Ordinal))
        {
            return FindPod(policy, field, text);
        }

        return Parsers.Address(text, out var address) is { } problem
            ? throw IntentException.Invalid(
                field, $"\"{ConfigurationError.OneLine(text)}\" {problem}; give NAMESPACE/POD or an address")
            : FindAddress(policy, address);
    }

    private static PolicyEnd FindPod(PolicyInForce policy, string field, string pod)
    {
        if (policy.FindPod(pod) is { } endpoint)
        {
            return Local(endpoint);
        }

        if (policy.Model.PolicyObjects.Find(new PolicyObjectKey(PolicyObjectKind.Pod, pod)) is not PodRecord record)
        {
            throw IntentException.Invalid(
                field,
                $"no pod {ConfigurationError.OneLine(pod)}: it is not attached to this node, and the cluster has not reported it "
                + "(pods of other nodes are known only while there is a policy); give its address instead");
        }

        return record switch
        {
            { IsFinished: true } => throw IntentException.Invalid(field, $"pod {pod} has ended, so its address may be another pod's"),
            { Addresses.Count: 0 } => throw IntentException.Invalid(field, $"pod {pod} has no address yet"),
            { IsHostNetwork: true } when record.Node == policy.Node.Name =>
                new PolicyEnd(PolicyEndKind.Node, record.Addresses, record.Key, record.Node, null),
            // Policies treat it as an address like any other, which may be one of its node.
            { IsHostNetwork: true } => new PolicyEnd(
                FindNode(policy, record.Addresses[0]) is null ? PolicyEndKind.Outside : PolicyEndKind.NodeAddress, record.Addresses,
                record.Key, record.Node, null),
            _ => new PolicyEnd(PolicyEndKind.RemotePod, record.Addresses, record.Key, record.Node, null),
        };
    }

    private static PolicyEnd FindAddress(PolicyInForce policy, IPAddress address)
    {
        var wanted = PolicyAddress.Of(address);
        if (policy.Pods.FirstOrDefault(e => e.Spec.Addresses.Contains(address)) is { } endpoint)
        {
            return Local(endpoint) with { Addresses = [wanted] };
        }

        if (policy.Node.NodeAddresses.Concat(policy.Node.HostAddresses).Contains(address))
        {
            return new PolicyEnd(PolicyEndKind.Node, [wanted], "", policy.Node.Name, null);
        }

        var pod = policy.Model.PolicyObjects.Values.OfType<PodRecord>()
            .FirstOrDefault(p => !p.IsHostNetwork && !p.IsFinished && p.Addresses.Contains(wanted));
        return pod is not null ? new PolicyEnd(PolicyEndKind.RemotePod, [wanted], pod.Key, pod.Node, null)
            : FindNode(policy, wanted) is { } node ? new PolicyEnd(PolicyEndKind.NodeAddress, [wanted], "", node.Name, null)
            : new PolicyEnd(
                policy.Compiler.Model.IsKnown(wanted) ? PolicyEndKind.Outside : PolicyEndKind.UnknownPod, [wanted], "", "", null);
    }

    private static NodeRecord? FindNode(PolicyInForce policy, PolicyAddress address) =>
        policy.Model.PolicyObjects.Values.OfType<NodeRecord>().FirstOrDefault(n => n.Addresses.Contains(address));

    private static PolicyEnd Local(Endpoint endpoint) => new(
        PolicyEndKind.LocalPod, [.. endpoint.Spec.Addresses.Select(PolicyAddress.Of)], PolicyBindings.KeyOf(endpoint.Spec),
        endpoint.Spec.Node, endpoint);
}
