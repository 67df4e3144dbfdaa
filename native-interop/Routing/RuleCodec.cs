using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWRULE.</summary>
internal static class RuleCodec
{
    private const string Malformed = "the kernel's description of a routing rule is malformed";

    /// <summary>False for rules that don't match a source address or don't select a table.</summary>
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

        if (body.Family is not (Libc.AF_INET or Libc.AF_INET6) || body.Action != Rtnetlink.FR_ACT_TO_TBL || body.SourceLength == 0)
        {
            return false;
        }

        IPAddress? source = null;
        var table = (uint)body.Table;
        var priority = 0u;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.FRA_SRC:
                    source = attributes.Address(body.Family);
                    break;
                case Rtnetlink.FRA_TABLE:
                    table = attributes.Number<uint>();
                    break;
                case Rtnetlink.FRA_PRIORITY:
                    priority = attributes.Number<uint>();
                    break;
            }
        }
        if (attributes.Failed || source is null || body.SourceLength > 8 * AttributeReader.AddressLength(body.Family))
        {
            throw NetlinkException.Malformed("read a routing rule", Malformed);
        }

        rule = new RoutingRule
        {
            Source = source,
            SourcePrefixLength = body.SourceLength,
            Table = (int)Math.Min(table, int.MaxValue),
            Priority = (int)Math.Min(priority, int.MaxValue),
        };
        return true;
    }
}
