using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWRULE.</summary>
internal static class RuleCodec
{
    private const string Malformed = "the kernel's description of a routing rule is malformed";

    /// <summary>False for rules that don't select a table.</summary>
    public static bool Parse(in NetlinkMessage message, out RoutingRule rule)
    {
        rule = null!;
        if (message.Type != Rtnetlink.RTM_NEWRULE)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.RuleMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a routing rule", Malformed);
        }

        if (body.Family is not (Libc.AF_INET or Libc.AF_INET6) || body.Action != Rtnetlink.FR_ACT_TO_TBL)
        {
            return false;
        }

        IPAddress? source = null;
        IPAddress? destination = null;
        string? input = null;
        byte ipProtocol = 0, protocol = 0;
        RulePorts? ports = null;
        var table = (uint)body.Table;
        var priority = 0u;
        var hasOthers = body.TypeOfService != 0 || (body.Flags & Rtnetlink.FIB_RULE_INVERT) != 0;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.FRA_SRC:
                    source = attributes.Address(body.Family);
                    break;
                case Rtnetlink.FRA_DST:
                    destination = attributes.Address(body.Family);
                    break;
                case Rtnetlink.FRA_IIFNAME:
                    input = attributes.Text();
                    break;
                case Rtnetlink.FRA_TABLE:
                    table = attributes.Number<uint>();
                    break;
                case Rtnetlink.FRA_PRIORITY:
                    priority = attributes.Number<uint>();
                    break;
                case Rtnetlink.FRA_PROTOCOL:
                    protocol = attributes.Number<byte>();
                    break;
                case Rtnetlink.FRA_IP_PROTO:
                    ipProtocol = attributes.Number<byte>();
                    break;
                case Rtnetlink.FRA_DPORT_RANGE:
                    // struct fib_rule_port_range: two numbers in host byte order.
                    var range = attributes.Number<uint>();
                    ports = RulePorts.FromKernel(range);
                    break;
                case Rtnetlink.FRA_FWMARK or Rtnetlink.FRA_FWMASK:
                    hasOthers |= attributes.Number<uint>() != 0;
                    break;
                case Rtnetlink.FRA_SUPPRESS_PREFIXLEN:
                    // All ones: no limit.
                    hasOthers |= attributes.Number<uint>() != uint.MaxValue;
                    break;
                case Rtnetlink.FRA_DPORT_MASK:
                    // Newer kernels write it for a range of one port.
                    hasOthers |= attributes.Number<ushort>() != ushort.MaxValue;
                    break;
                default:
                    hasOthers = true;
                    break;
            }
        }

        if (attributes.Failed || !IsPrefix(source, body.SourceLength, body.Family)
            || !IsPrefix(destination, body.DestinationLength, body.Family))
        {
            throw NetlinkException.Malformed("read a routing rule", Malformed);
        }

        rule = new RoutingRule
        {
            Family = body.Family == Libc.AF_INET ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6,
            Source = source,
            SourcePrefixLength = source is null ? null : body.SourceLength,
            Destination = destination,
            DestinationPrefixLength = destination is null ? null : body.DestinationLength,
            InputInterface = input,
            IpProtocol = ipProtocol,
            DestinationPorts = ports,
            Table = (int)Math.Min(table, int.MaxValue),
            Priority = (int)Math.Min(priority, int.MaxValue),
            Protocol = protocol,
            HasOtherSelectors = hasOthers,
        };
        return true;
    }

    // The kernel writes an address if and only if its prefix length is above 0.
    private static bool IsPrefix(IPAddress? address, byte length, byte family) =>
        length <= 8 * AttributeReader.AddressLength(family) && (address is null) == (length == 0);
}
