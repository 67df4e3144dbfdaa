using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>Why the pods of another node cannot be reached, or not all of them.</summary>
internal static class RemoteNodeProblem
{
    /// <summary>A pod range shorter than the longest by more bits than this would take too many rows.</summary>
    public const int MaxExtraBits = 8;

    /// <returns>One line; empty for no problem. Whether its neighbour answers is not considered.</returns>
    public static string Of(RemoteNode node, NodePath path, NetworkModel model, NodeSettings settings)
    {
        var ranges = node.Facts.PodRanges.Where(Ipv4.Is).ToList();
        if (path.Address is not { } address)
        {
            return "it has no IPv4 address of type InternalIP";
        }

        if (ranges.Count == 0)
        {
            return "the cluster has given it no IPv4 pod range (spec.podCIDRs)";
        }

        if (path.Kind == NodePathKind.Routed && settings.Tunnel.Mode != EncapsulationMode.Never)
        {
            return settings.TunnelSource is null
                ? "this node's own address is unknown, so no tunnel leads there"
                : $"no route of Node:Uplink:Routes leads to its address {address}";
        }

        if (ranges.Find(r => !model.RemoteNodes.Holds(node, r)) is { PrefixLength: > 0 } taken)
        {
            return $"another node has its pod range {taken}";
        }

        if (path.Kind == NodePathKind.Tunnel && !model.RemoteNodes.Holds(node, address))
        {
            return $"another node has its address {address}";
        }

        return ranges.Find(r => model.RemoteNodes.PrefixLength - r.PrefixLength > MaxExtraBits) is { PrefixLength: > 0 } wide
            ? $"its pod range {wide} is too wide: another node has a range of length {model.RemoteNodes.PrefixLength}, and at most "
                + $"{MaxExtraBits} bits of difference are supported"
            : "";
    }
}
