using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Routing rules.</content>
public sealed partial class RouteNetlink
{
    public partial bool AddRule(RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var operation = $"add the rule {Describe(rule)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewRule, NetlinkMessage.FlagCreate | NetlinkMessage.FlagExclusive);
        WriteRule(ref writer, rule);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.EEXIST);
    }

    public partial bool DeleteRule(RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var operation = $"delete the rule {Describe(rule)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteRule, 0);
        WriteRule(ref writer, rule);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    public partial IReadOnlyList<RoutingRule> GetRules() => [.. GetRules(Libc.FamilyInet), .. GetRules(Libc.FamilyInet6)];

    private List<RoutingRule> GetRules(byte family)
    {
        var operation = $"list {(family == Libc.FamilyInet ? "IPv4" : "IPv6")} routing rules";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetRule, 0);
        writer.Body(new Rtnetlink.RuleMessage { Family = family });
        try
        {
            // A kernel without rules of this family answers with those of every family.
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
            Action = Rtnetlink.RuleActionToTable,
        });
        writer.Address(Rtnetlink.RuleSource, rule.Source);
        writer.Number(Rtnetlink.RuleTable, (uint)rule.Table);
        if (rule.Priority != 0)
        {
            writer.Number(Rtnetlink.RulePriority, (uint)rule.Priority);
        }
    }

    private static string Describe(RoutingRule rule) => $"from {rule.Source}{(rule.SourcePrefixLength is { } length ? $"/{length}" : "")} lookup {rule.Table}";
}
