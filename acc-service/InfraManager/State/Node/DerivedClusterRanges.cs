using System.Buffers.Binary;
using System.Net;
using System.Numerics;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The ranges of all nodes' pods, where none are configured. No object of the cluster has them, but each node's range is cut from one.
/// </summary>
internal static class DerivedClusterRanges
{
    // A wider range would be a guess: 10.0.0.0/8 is the widest of private use (RFC 1918).
    private const int ShortestPrefix = 8;

    /// <summary>
    /// The smallest IPv4 range that contains all nodes' pods, if it contains nothing else that is known; otherwise each node's own ranges.
    /// </summary>
    public static IReadOnlyList<IPNetwork> Of(NodeSettings node, IEnumerable<RemoteNode> others)
    {
        IPNetwork[] ranges = [.. node.PodRanges.Concat(others.SelectMany(n => n.Facts.PodRanges))
            .Where(Ipv4.Is).Distinct()];
        if (ranges.Length == 0)
        {
            return [];
        }

        var first = Ipv4.Value(ranges[0].BaseAddress);
        var length = ranges[0].PrefixLength;
        foreach (var range in ranges)
        {
            var common = BitOperations.LeadingZeroCount(first ^ Ipv4.Value(range.BaseAddress));
            length = Math.Min(length, Math.Min(common, range.PrefixLength));
        }

        if (length < ShortestPrefix)
        {
            return ranges;
        }

        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, first & (uint.MaxValue << (32 - length)));
        var whole = new IPNetwork(new IPAddress(bytes), length);
        var foreign = node.NodeAddresses.Concat(node.HostAddresses).Append(node.Gateway)
            .Concat(others.SelectMany(n => n.Facts.Addresses)).Concat((node.Uplink?.Addresses ?? []).Select(a => a.Address));
        return foreign.Any(whole.Contains) || node.VirtualRanges.Concat(node.ExternalRanges).Any(r => r.Overlaps(whole)) ? ranges : [whole];
    }
}
