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

    /// <summary>Deletes a routing rule; a priority of 0 matches any.</summary>
    /// <returns>False if it did not exist.</returns>
    public bool DeleteRule(RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var operation = $"delete the rule {Describe(rule)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELRULE, 0);
        WriteRule(ref writer, rule);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    /// <summary>The rules of both families that select a table by source address.</summary>
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
        ArgumentOutOfRangeException.ThrowIfNegative(rule.Priority, nameof(rule));
        var family = Family(rule.Source);
        var bits = 8 * AttributeReader.AddressLength(family);
        var length = rule.SourcePrefixLength ?? bits;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length, nameof(rule));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, bits, nameof(rule));
        writer.Body(new Rtnetlink.RuleMessage
        {
            Family = family,
            SourceLength = (byte)length,
            Table = TableByte(rule.Table),
            Action = Rtnetlink.FR_ACT_TO_TBL,
        });
        writer.Address(Rtnetlink.FRA_SRC, rule.Source);
        writer.Number(Rtnetlink.FRA_TABLE, (uint)rule.Table);
        if (rule.Priority != 0)
        {
            writer.Number(Rtnetlink.FRA_PRIORITY, (uint)rule.Priority);
        }
    }

    private static string Describe(RoutingRule rule) =>
        $"from {rule.Source}{(rule.SourcePrefixLength is { } length ? $"/{length}" : "")} lookup {rule.Table}";
}
