using System.Text;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.Comparison;

/// <summary>A table entry in the engine's packed form.</summary>
/// <param name="Table">The table.</param>
/// <param name="Key">Key fields in declaration order, big-endian.</param>
/// <param name="Mask">Their masks; empty for an exact table.</param>
/// <param name="Priority">For a wildcard table; the higher value wins.</param>
/// <param name="Action">The action.</param>
/// <param name="Data">The action's arguments in declaration order, big-endian.</param>
internal sealed record TableEntry(SwxTable Table, byte[] Key, byte[] Mask, uint Priority, SwxAction Action, byte[] Data)
{
    /// <summary>In DPDK the lower priority value wins.</summary>
    private const uint PriorityBase = 1 << 20;

    /// <summary>Identifies the entry. DPDK treats two wildcard entries that differ only in priority as one.</summary>
    public string Identity => $"{Convert.ToHexString(Key)}/{Convert.ToHexString(Mask)}";

    /// <summary>The key in the syntax of DPDK's control library.</summary>
    public string MatchText()
    {
        var text = new StringBuilder("match");
        foreach (var field in Table.Key)
        {
            text.Append(" 0x").Append(Convert.ToHexStringLower(Key.AsSpan(field.Offset, field.Bytes)));
            if (field.Kind != SwxMatchKind.Exact)
            {
                text.Append("/0x").Append(Convert.ToHexStringLower(Mask.AsSpan(field.Offset, field.Bytes)));
            }
        }
        if (Table.Kind == SwxMatchKind.Wildcard)
        {
            text.Append(" priority ").Append(PriorityBase - Priority);
        }

        return text.ToString();
    }

    /// <summary>The entry in the syntax of DPDK's control library.</summary>
    public string Text() => $"{MatchText()} {ActionText(Action, Data)}";

    /// <summary>An action with its arguments in the syntax of DPDK's control library.</summary>
    public static string ActionText(SwxAction action, ReadOnlySpan<byte> data)
    {
        var text = new StringBuilder("action ").Append(action.Name);
        foreach (var argument in action.Arguments)
        {
            text.Append(' ').Append(argument.Name).Append(" 0x")
                .Append(Convert.ToHexStringLower(data.Slice(argument.Offset, argument.Bytes)));
        }

        return text.ToString();
    }
}
