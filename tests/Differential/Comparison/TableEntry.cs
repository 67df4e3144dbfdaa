using System.Text;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Comparison;

/// <summary>An entry of a table, packed as the engine takes it.</summary>
/// <param name="Table">The table.</param>
/// <param name="Key">Key fields in their order, big-endian.</param>
/// <param name="Mask">Their masks; empty for an exact table.</param>
/// <param name="Priority">For a wildcard table; the greater wins.</param>
/// <param name="Action">The action.</param>
/// <param name="Data">Its arguments in their order, big-endian.</param>
internal sealed record TableEntry(SwxTable Table, byte[] Key, byte[] Mask, uint Priority, SwxAction Action, byte[] Data)
{
    /// <summary>DPDK's priorities are the other way round.</summary>
    private const uint PriorityBase = 1 << 20;

    /// <summary>What makes it another entry. DPDK takes two wildcard entries that differ in nothing but the priority for one.</summary>
    public string Identity => $"{Convert.ToHexString(Key)}/{Convert.ToHexString(Mask)}";

    /// <summary>The key as DPDK's control library reads it.</summary>
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

    /// <summary>The whole entry as DPDK's control library reads it.</summary>
    public string Text() => $"{MatchText()} {ActionText(Action, Data)}";

    /// <summary>An action with its arguments as DPDK's control library reads it.</summary>
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
