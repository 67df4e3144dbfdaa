using System.Numerics;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Validates an entry's key, mask and priority, and converts them to the stored form.</summary>
internal static unsafe class EntryKey
{
    /// <returns>The priority as stored: the prefix length for an lpm table.</returns>
    /// <exception cref="ArgumentException">The entry does not fit the table.</exception>
    public static uint Encode(
        TableStore store, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, ulong* storedKey, ulong* storedMask)
    {
        var table = store.Table;
        if (table.KeyBytes == 0)
        {
            throw new ArgumentException($"table {table} has no key and therefore no entries");
        }

        if (key.Length != table.KeyBytes)
        {
            throw new ArgumentException($"the key of table {table} has {table.KeyBytes} bytes, not {key.Length}", nameof(key));
        }

        if (table.Kind != SwxMatchKind.Wildcard && priority != 0)
        {
            throw new ArgumentException($"table {table} has no priorities", nameof(priority));
        }

        store.Layout.ToStored(key, new Span<byte>(storedKey, store.Words * 8));
        if (store.Exact)
        {
            return mask.IsEmpty ? 0u : throw new ArgumentException($"table {table} has no masks", nameof(mask));
        }

        if (mask.Length != table.KeyBytes)
        {
            throw new ArgumentException($"the mask of table {table} has {table.KeyBytes} bytes, not {mask.Length}", nameof(mask));
        }

        foreach (var field in table.Key)
        {
            CheckField(table, field, key.Slice(field.Offset, field.Bytes), mask.Slice(field.Offset, field.Bytes), ref priority);
        }

        store.Layout.ToStored(mask, new Span<byte>(storedMask, store.Words * 8));
        return priority;
    }

    private static void CheckField(SwxTable table, SwxKeyField field, ReadOnlySpan<byte> value, ReadOnlySpan<byte> mask, ref uint priority)
    {
        if (field.Kind == SwxMatchKind.Exact && mask.IndexOfAnyExcept((byte)0xFF) >= 0)
        {
            throw new ArgumentException($"field {field.Name} of table {table} is exact and requires a mask of all ones", nameof(mask));
        }

        if (field.Kind == SwxMatchKind.Lpm)
        {
            priority = PrefixLength(mask)
                ?? throw new ArgumentException($"the mask of field {field.Name} of table {table} is not a prefix", nameof(mask));
        }

        for (var i = 0; i < value.Length; i++)
        {
            if ((value[i] & ~mask[i]) != 0)
            {
                throw new ArgumentException($"field {field.Name} of table {table} has bits outside its mask", nameof(value));
            }
        }
    }

    private static uint? PrefixLength(ReadOnlySpan<byte> mask)
    {
        var whole = mask.IndexOfAnyExcept((byte)0xFF);
        if (whole < 0)
        {
            return (uint)mask.Length * 8;
        }

        if (mask[(whole + 1)..].IndexOfAnyExcept((byte)0) >= 0)
        {
            return null;
        }

        var rest = (byte)~mask[whole];
        return (rest & (rest + 1)) == 0 ? (uint)(whole * 8 + 8 - BitOperations.PopCount(rest)) : null;
    }
}
