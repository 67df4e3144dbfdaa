using System.Globalization;
using System.Text;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>A protocol and port, as <see cref="PolicyPacket"/> has them, that stands for others.</summary>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">The first port of its kind, in host byte order.</param>
/// <param name="Last">The last port of the range that begins with it.</param>
/// <param name="HasMore">Whether other ranges are of its kind, too.</param>
internal readonly record struct PortSample(byte Protocol, ushort Port, ushort Last, bool HasMore)
{
    public override string ToString() => Protocol switch
    {
        _ when Port == 0 && Last == ushort.MaxValue => $"all {IpProtocol.NameOf(Protocol)}",
        IpProtocol.Icmp or IpProtocol.Icmpv6 => $"{IpProtocol.NameOf(Protocol)} type {Port >> 8} code {Port & 0xff}{More}",
        _ when IpProtocol.HasPorts(Protocol) => $"{IpProtocol.NameOf(Protocol)} {Port}{(Last > Port ? $"-{Last}" : "")}{More}",
        _ => IpProtocol.NameOf(Protocol),
    };

    private string More => HasMore ? " and others" : "";
}

/// <summary>Ports that stand for all others: every port is in the same ranges as one of these, and has the same row.</summary>
internal sealed class PortSamples
{
    // For experiments (RFC 3692); any other number that nothing names would do as well.
    private const byte LastProtocol = 254;

    private readonly Dictionary<byte, HashSet<PortSpan>> _spans = [];
    private readonly Dictionary<byte, HashSet<PortSpan>> _rows = [];

    private PortSamples()
    {
        foreach (var protocol in (ReadOnlySpan<byte>)
            [IpProtocol.Icmp, IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmpv6, IpProtocol.Sctp])
        {
            _spans.Add(protocol, []);
        }
    }

    /// <param name="models">The models that are compared.</param>
    /// <param name="rows">The target's rows that are compared with them, if any.</param>
    public static List<PortSample> Of(IReadOnlyList<PolicyModel> models, TargetRowJudge? rows)
    {
        var samples = new PortSamples();
        foreach (var model in models)
        {
            samples.Collect(model);
        }

        foreach (var (protocol, span) in rows?.PortBlocks ?? [])
        {
            Add(samples._rows, protocol, span);
            Add(samples._spans, protocol, null);
        }

        return samples.Result(rows);
    }

    private void Collect(PolicyModel model)
    {
        foreach (var policy in model.Policies.Values)
        {
            foreach (var rule in policy.Ingress.Concat(policy.Egress))
            {
                Collect(rule.Match);
            }
        }

        foreach (var group in model.Peers.Groups)
        {
            foreach (var port in group.Membership.NamedPorts)
            {
                Add(_spans, port.Protocol, new PortSpan(port.Port, port.Port));
            }
        }
    }

    private void Collect(RuleMatch match)
    {
        foreach (var protocol in (ReadOnlySpan<byte?>)[match.Protocol, match.NotProtocol])
        {
            if (protocol is { } named)
            {
                Add(_spans, named, null);
            }
        }

        // A rule about one protocol tells nothing apart in others.
        foreach (var protocol in match.Protocol is { } only ? [only] : IpProtocol.WithPorts)
        {
            foreach (var span in match.Ports.Concat(match.NotPorts))
            {
                Add(_spans, protocol, span);
            }
        }

        foreach (var icmp in (ReadOnlySpan<IcmpMatch?>)[match.Icmp, match.NotIcmp])
        {
            if (icmp is { } known)
            {
                Add(_spans, IpProtocol.Icmp, known.Span);
                Add(_spans, IpProtocol.Icmpv6, known.Span);
            }
        }
    }

    private static void Add(Dictionary<byte, HashSet<PortSpan>> spans, byte protocol, PortSpan? span)
    {
        if (!spans.TryGetValue(protocol, out var known))
        {
            spans.Add(protocol, known = []);
        }

        if (span is { } added)
        {
            known.Add(added);
        }
    }

    private List<PortSample> Result(TargetRowJudge? rows)
    {
        var other = LastProtocol;
        while (_spans.ContainsKey(other))
        {
            other--;
        }

        _spans.Add(other, []);
        var samples = new List<PortSample>();
        foreach (var (protocol, spans) in _spans)
        {
            // Packets of other protocols have port 0.
            if (!IpProtocol.HasPorts(protocol) && protocol is not (IpProtocol.Icmp or IpProtocol.Icmpv6))
            {
                samples.Add(new PortSample(protocol, 0, 0, false));
                continue;
            }

            AddRanges(protocol, spans, rows, samples);
        }

        return samples;
    }

    private void AddRanges(byte protocol, HashSet<PortSpan> spans, TargetRowJudge? rows, List<PortSample> samples)
    {
        var cuts = new SortedSet<int> { 0, ushort.MaxValue + 1 };
        foreach (var all in (ReadOnlySpan<HashSet<PortSpan>>)[spans, _rows.TryGetValue(protocol, out var blocks) ? blocks : []])
        {
            foreach (var span in all)
            {
                cuts.Add(span.First);
                cuts.Add(span.Last + 1);
            }
        }

        var (known, starts) = (new Dictionary<string, int>(StringComparer.Ordinal), new List<int>(cuts));
        for (var i = 0; i + 1 < starts.Count; i++)
        {
            var (first, last) = ((ushort)starts[i], (ushort)(starts[i + 1] - 1));
            var kind = KindOf(first, spans, rows?.ClassOf(protocol, first));
            if (known.TryGetValue(kind, out var at))
            {
                samples[at] = samples[at] with { HasMore = true };
            }
            else
            {
                known.Add(kind, samples.Count);
                samples.Add(new PortSample(protocol, first, last, false));
            }
        }
    }

    /// <summary>Equal for ports that are in the same ranges and have the same class.</summary>
    private static string KindOf(ushort port, HashSet<PortSpan> spans, uint? row)
    {
        var kind = new StringBuilder().Append(row);
        foreach (var span in spans)
        {
            if (span.Contains(port))
            {
                kind.Append(CultureInfo.InvariantCulture, $" {span.First}-{span.Last}");
            }
        }

        return kind.ToString();
    }
}
