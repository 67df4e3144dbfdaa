using System.Net;
using System.Net.Sockets;
using System.Text;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Routing rules.</content>
public sealed partial class RouteNetlink
{
    /// <summary>Adds a routing rule.</summary>
    /// <returns>False if it already exists.</returns>
    public bool AddRule(RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var operation = $"add the rule {Describe(rule)}";
        var writer = new MessageWriter(
            stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWRULE, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL);
        WriteRule(ref writer, rule);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.EEXIST);
    }

    /// <summary>Deletes a routing rule: the first one that matches.</summary>
    /// <returns>False if it did not exist.</returns>
    public bool DeleteRule(RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var operation = $"delete the rule {Describe(rule)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELRULE, 0);
        WriteRule(ref writer, rule);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    /// <summary>The rules of both families that select a table, in the kernel's order.</summary>
    public IReadOnlyList<RoutingRule> GetRules() => [.. GetRules(Libc.AF_INET), .. GetRules(Libc.AF_INET6)];

    private List<RoutingRule> GetRules(byte family)
    {
        var operation = $"list {(family == Libc.AF_INET ? "IPv4" : "IPv6")} routing rules";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETRULE, 0);
        writer.Body(new Rtnetlink.RuleMessage { Family = family });
        try
        {
            // A kernel without rules of this family returns those of every family.
            return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out RoutingRule rule) =>
                RuleCodec.Parse(message, out rule) && message.Payload[0] == family);
        }
        catch (NetlinkException e) when (e.Errno is Errno.EAFNOSUPPORT or Errno.EOPNOTSUPP)
        {
            return [];
        }
    }

    private static void WriteRule(ref MessageWriter writer, RoutingRule rule)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rule.Table, nameof(rule));
        ArgumentOutOfRangeException.ThrowIfNegative(rule.Priority ?? 0, nameof(rule));
        ArgumentOutOfRangeException.ThrowIfEqual(rule.HasOtherSelectors, true, nameof(rule));
        var family = rule.Family == AddressFamily.InterNetwork ? (byte)Libc.AF_INET : (byte)Libc.AF_INET6;
        writer.Body(new Rtnetlink.RuleMessage
        {
            Family = family,
            SourceLength = PrefixLength(rule.Source, rule.SourcePrefixLength, family),
            DestinationLength = PrefixLength(rule.Destination, rule.DestinationPrefixLength, family),
            Table = TableByte(rule.Table),
            Action = Rtnetlink.FR_ACT_TO_TBL,
        });
        if (rule.Source is { } source)
        {
            writer.Address(Rtnetlink.FRA_SRC, source);
        }

        if (rule.Destination is { } destination)
        {
            writer.Address(Rtnetlink.FRA_DST, destination);
        }

        if (rule.InputInterface is { } input)
        {
            writer.Text(Rtnetlink.FRA_IIFNAME, input);
        }

        if (rule.IpProtocol != 0)
        {
            writer.Number(Rtnetlink.FRA_IP_PROTO, rule.IpProtocol);
        }

        if (rule.DestinationPorts is { } ports)
        {
            writer.Number(Rtnetlink.FRA_DPORT_RANGE, ports.Kernel);
        }

        if (rule.Protocol != 0)
        {
            writer.Number(Rtnetlink.FRA_PROTOCOL, rule.Protocol);
        }

        writer.Number(Rtnetlink.FRA_TABLE, (uint)rule.Table);
        if (rule.Priority is { } priority)
        {
            writer.Number(Rtnetlink.FRA_PRIORITY, (uint)priority);
        }
    }

    private static byte PrefixLength(IPAddress? address, int? length, byte family)
    {
        if (address is null)
        {
            return 0;
        }

        var bits = 8 * AttributeReader.AddressLength(family);
        var given = length ?? bits;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(given, nameof(length));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(given, bits, nameof(length));
        return (byte)given;
    }

    private static string Describe(RoutingRule rule)
    {
        var text = new StringBuilder();
        Add(rule.Source is null ? "" : $"from {rule.Source}{Length(rule.SourcePrefixLength)}");
        Add(rule.Destination is null ? "" : $"to {rule.Destination}{Length(rule.DestinationPrefixLength)}");
        Add(rule.InputInterface is null ? "" : $"iif {rule.InputInterface}");
        Add(rule.IpProtocol == 0 ? "" : $"ipproto {rule.IpProtocol}");
        Add(rule.DestinationPorts is { } ports ? $"dport {ports}" : "");
        return $"{(text.Length == 0 ? "from all " : text)}lookup {rule.Table}";

        static string Length(int? length) => length is null ? "" : $"/{length}";

        void Add(string part)
        {
            if (part.Length > 0)
            {
                text.Append(part).Append(' ');
            }
        }
    }
}
