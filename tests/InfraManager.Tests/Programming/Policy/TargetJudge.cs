using System.Buffers.Binary;
using System.Net;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Programming.Policy;

/// <summary>Judges packets by a target's rows, by the contract in docs/programming.md, "Policy in the pipeline".</summary>
internal sealed class TargetJudge
{
    private const uint Pending = 0xfffffffe;

    private readonly Dictionary<string, uint> _rows = new(StringComparer.Ordinal);
    private readonly List<(uint First, int Length, uint Class)> _nets = [];
    private readonly List<(uint Protocol, uint First, int Length, uint Class)> _ranges = [];
    private readonly Dictionary<uint, (uint Egress, uint Ingress, uint Port)> _pods = [];
    private readonly Dictionary<uint, uint> _egressOfPort = [];

    public TargetJudge(IEnumerable<Entry> rows)
    {
        foreach (var row in rows)
        {
            Read(row);
        }
    }

    /// <summary>The addresses of the pods that the target delivers to.</summary>
    public IEnumerable<IPAddress> Pods => _pods.Keys.Select(Address);

    /// <summary>Whether a flow passes the policy of one of its ends.</summary>
    public bool Allows(IPAddress pod, bool isIngress, IPAddress peer, byte protocol, ushort port)
    {
        var binding = _pods[Number(pod)];
        var set = isIngress ? binding.Ingress : _egressOfPort.GetValueOrDefault(binding.Port, Pending);
        if (set is 0 or Pending)
        {
            return set == 0;
        }

        var address = Number(peer);
        var peerClass = _rows.TryGetValue($"peers {address}", out var exact)
            ? exact
            : _nets.Where(n => Mask(address, n.Length, 32) == n.First).OrderBy(n => n.Length).Select(n => n.Class).LastOrDefault();
        var portClass = _rows.TryGetValue($"ports {protocol} {port}", out var single)
            ? single
            : _ranges.Where(r => r.Protocol == protocol && Mask(port, r.Length, 16) == r.First).OrderBy(r => r.Length)
                .Select(r => r.Class).LastOrDefault();
        var group = _rows.GetValueOrDefault($"{(isIngress ? "ingress" : "egress")}_groups {set} {peerClass}", set);
        return _rows.GetValueOrDefault($"verdicts {group} {portClass}", group & 1) == 1;
    }

    private void Read(Entry row)
    {
        var match = row.EnumerateMatch().ToDictionary(m => m.Field.Name, m => (Value: Number(m.Value.Span), m.PrefixLength));
        var data = row.EnumerateParams().ToDictionary(p => p.Param.Name, p => p.Value.Length <= 4 ? Number(p.Value.Span) : 0);
        switch (row.Table.Alias)
        {
            case "peers":
                _rows.Add($"peers {match["address"].Value}", data["class"]);
                break;
            case "ports":
                _rows.Add($"ports {match["protocol"].Value} {match["port"].Value}", data["class"]);
                break;
            case "nets":
                _nets.Add((match["address"].Value, match["address"].PrefixLength, data["class"]));
                break;
            case "port_ranges":
                _ranges.Add((match["protocol"].Value, match["port"].Value, match["port"].PrefixLength, data["class"]));
                break;
            case "egress_groups" or "ingress_groups":
                _rows.Add($"{row.Table.Alias} {match["set"].Value} {match["class"].Value}", data["group"]);
                break;
            case "verdicts":
                _rows.Add($"verdicts {match["group"].Value} {match["port_class"].Value}", row.Action.Alias.EndsWith("allow") ? 1u : 0);
                break;
            case "pods":
                _pods.Add(match["dst_ip"].Value, (
                    data.GetValueOrDefault("egress_set"), data.GetValueOrDefault("ingress_set"), data["port"]));
                break;
            case "port_class" when row.Action.Alias.EndsWith("pod_port"):
                _egressOfPort.Add(match["port"].Value, data.GetValueOrDefault("egress_set"));
                break;
        }
    }

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static uint Number(ReadOnlySpan<byte> bytes)
    {
        uint value = 0;
        foreach (var b in bytes)
        {
            value = (value << 8) | b;
        }

        return value;
    }

    private static uint Mask(uint value, int length, int bits) => length == 0 ? 0 : value >> (bits - length) << (bits - length);

    private static IPAddress Address(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new IPAddress(bytes);
    }
}
