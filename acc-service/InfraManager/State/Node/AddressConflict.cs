using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>An address or range that belongs both to a pod and to something else.</summary>
/// <param name="Key">The configuration key that holds it.</param>
/// <param name="Value">The address or range.</param>
/// <param name="Reason">What it conflicts with.</param>
/// <param name="Remedy">What to configure instead.</param>
internal readonly record struct AddressConflict(string Key, string Value, string Reason, string Remedy)
{
    public override string ToString() => $"{Key}: {Value} {Reason}";

    /// <summary>All conflicts of the node's addresses and ranges.</summary>
    public static IEnumerable<AddressConflict> Of(NodeSettings node)
    {
        for (var i = 0; i < node.PodRanges.Count; i++)
        {
            var range = node.PodRanges[i];
            if (range.Contains(node.Gateway))
            {
                yield return new(
                    "Node:Gateway", node.Gateway.ToString(), $"lies in the pod range {range}",
                    "give an address that no pod can have, such as 169.254.1.1");
            }

            for (var j = 0; j < i; j++)
            {
                if (range.Overlaps(node.PodRanges[j]))
                {
                    yield return new($"Node:PodRanges[{i}]", range.ToString(), $"overlaps {node.PodRanges[j]}", "remove one of them");
                }
            }

            foreach (var other in node.VirtualRanges.Where(v => v.Overlaps(range)))
            {
                yield return new(
                    "Node:VirtualRanges", other.ToString(), $"overlaps the pod range {range}",
                    "give the cluster's service range, which contains no pod addresses");
            }

            foreach (var other in node.ExternalRanges.Where(v => v.Overlaps(range)))
            {
                yield return new(
                    "Node:ExternalRanges", other.ToString(), $"overlaps the pod range {range}", "give addresses that no pod can have");
            }

            foreach (var address in node.NodeAddresses.Where(range.Contains))
            {
                yield return new(
                    "Node:NodeAddresses", address.ToString(), $"lies in the pod range {range}", "give the node's own addresses");
            }

            var own = node.Uplink?.Addresses ?? [];
            for (var j = 0; j < own.Count; j++)
            {
                if (range.Contains(own[j].Address))
                {
                    yield return new(
                        $"Node:Uplink:Addresses[{j}]", own[j].ToString(), $"lies in the pod range {range}",
                        "give the node's own addresses on the node network");
                }
            }

            foreach (var address in node.HostAddresses.Where(range.Contains))
            {
                yield return new(
                    "Node:HostAddresses", address.ToString(), $"lies in the pod range {range}",
                    "give the addresses of the host's interface into the pipeline");
            }
        }
    }
}
