using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.Generators;

/// <summary>Generates random entries for any table.</summary>
/// <param name="dice">Random choices.</param>
/// <param name="value">Returns a value for a key field or argument, given its name and width in bytes.</param>
internal sealed class EntryGenerator(Dice dice, Func<string, int, byte[]> value)
{
    private uint _priority;

    /// <summary>A random entry.</summary>
    public TableEntry Entry(SwxTable table)
    {
        var key = new byte[table.KeyBytes];
        var mask = new byte[table.Kind == SwxMatchKind.Exact ? 0 : table.KeyBytes];
        foreach (var field in table.Key)
        {
            value(field.Name, field.Bytes).CopyTo(key, field.Offset);
            if (mask.Length > 0)
            {
                Mask(field, mask.AsSpan(field.Offset, field.Bytes));
            }
        }
        for (var i = 0; i < mask.Length; i++)
        {
            key[i] &= mask[i];
        }

        var action = dice.Pick([.. table.Actions.Where(a => a.ForEntries)]).Action;
        // Priorities are unique: which of two equal ones wins is undefined in DPDK.
        return new TableEntry(table, key, mask, table.Kind == SwxMatchKind.Wildcard ? ++_priority : 0, action, Data(action));
    }

    /// <summary>Random arguments.</summary>
    public byte[] Data(SwxAction action)
    {
        var data = new byte[action.DataBytes];
        foreach (var argument in action.Arguments)
        {
            value(argument.Name, argument.Bytes).CopyTo(data, argument.Offset);
        }

        return data;
    }

    private void Mask(SwxKeyField field, Span<byte> mask)
    {
        switch (field.Kind)
        {
            case SwxMatchKind.Lpm:
                Prefix(mask, dice.Percent(40) ? field.Bits : dice.Below(field.Bits + 1));
                break;
            case SwxMatchKind.Wildcard when dice.Percent(40):
                Prefix(mask, dice.Below(field.Bits + 1));
                break;
            case SwxMatchKind.Wildcard when dice.Percent(50):
                dice.Bytes(mask.Length).CopyTo(mask);
                break;
            case SwxMatchKind.Wildcard when dice.Percent(20):
                break;
            default:
                mask.Fill(0xFF);
                break;
        }
    }

    private static void Prefix(Span<byte> mask, int bits)
    {
        for (var i = 0; i < bits; i++)
        {
            mask[i / 8] |= (byte)(0x80 >> (i % 8));
        }
    }

    /// <summary>An entry with the given key fields and arguments, by name; values up to 64 bits.</summary>
    public static TableEntry Entry(
        SwxTable table, SwxAction action, (string Field, ulong Value)[] key, int prefix, params (string Argument, ulong Value)[] arguments)
    {
        var entry = new TableEntry(
            table, new byte[table.KeyBytes], new byte[table.Kind == SwxMatchKind.Exact ? 0 : table.KeyBytes], 0, action,
            new byte[action.DataBytes]);
        foreach (var (name, number) in key)
        {
            var field = table.Key.Single(f => f.Name.EndsWith(name, StringComparison.Ordinal));
            Dice.Number(number, field.Bytes).CopyTo(entry.Key, field.Offset);
            if (entry.Mask.Length > 0)
            {
                Prefix(entry.Mask.AsSpan(field.Offset, field.Bytes), field.Kind == SwxMatchKind.Lpm ? prefix : field.Bits);
            }
        }
        for (var i = 0; i < entry.Mask.Length; i++)
        {
            entry.Key[i] &= entry.Mask[i];
        }

        foreach (var (name, number) in arguments)
        {
            var argument = action.Arguments.Single(a => a.Name == name);
            Dice.Number(number, argument.Bytes).CopyTo(entry.Data, argument.Offset);
        }
        return entry;
    }
}
