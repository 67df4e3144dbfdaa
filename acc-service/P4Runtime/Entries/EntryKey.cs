using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>
/// The identity of an entry: table, match fields and priority. It is just a reference to an entry, so it takes 8 bytes in a dictionary and
/// keeps that entry alive.
/// </summary>
public readonly struct EntryKey : IEquatable<EntryKey>
{
    // Seeded, because tenants can choose the addresses that are hashed here.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 1;
    private readonly Entry? _entry;

    internal EntryKey(Entry entry) => _entry = entry;

    /// <summary>The table.</summary>
    public TableSchema Table => Owner.Table;

    /// <summary>The packed match fields and priority: big-endian, full width, canonical.</summary>
    public ReadOnlySpan<byte> Data => Owner.KeyData;

    private Entry Owner => _entry ?? throw new InvalidOperationException("an empty EntryKey was used");

    /// <summary>Whether both keys are equal.</summary>
    public static bool operator ==(EntryKey left, EntryKey right) => left.Equals(right);

    /// <summary>Whether they differ.</summary>
    public static bool operator !=(EntryKey left, EntryKey right) => !left.Equals(right);

    /// <summary>The key as an entry without an action, for a delete.</summary>
    public Entry ToEntry() => Owner.Action.Kind == ActionKind.None ? Owner : Entry.Of(Table.KeyOnly, Data);

    /// <inheritdoc/>
    public bool Equals(EntryKey other)
    {
        if (ReferenceEquals(_entry, other._entry))
        {
            return true;
        }

        return _entry is not null && other._entry is not null
            && ReferenceEquals(_entry.Table, other._entry.Table)
            && _entry.KeyData.SequenceEqual(other._entry.KeyData);
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is EntryKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        if (_entry is null)
        {
            return 0;
        }

        var data = _entry.KeyData;
        var hash = Seed ^ _entry.Table.Id;
        while (data.Length >= sizeof(ulong))
        {
            hash = Mix(hash ^ Unsafe.ReadUnaligned<ulong>(ref MemoryMarshal.GetReference(data)));
            data = data[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (var b in data)
        {
            rest = (rest << 8) | b;
        }

        hash = Mix(hash ^ rest);
        return (int)(hash ^ (hash >> 32));
    }

    /// <summary>Table and match fields, such as <c>pods dst_ip=10.244.1.5</c>; fields that match everything are omitted.</summary>
    public override string ToString()
    {
        if (_entry is null)
        {
            return "(none)";
        }

        var text = new StringBuilder(Table.Alias);
        foreach (var match in _entry.EnumerateMatch())
        {
            if (!match.IsAny)
            {
                text.Append(' ').Append(match);
            }
        }

        return (Table.NeedsPriority ? text.Append(" priority=").Append(_entry.Priority) : text).ToString();
    }

    private static ulong Mix(ulong value)
    {
        var high = Math.BigMul(value, 0x9E3779B97F4A7C15ul ^ Seed, out var low);
        return high ^ low;
    }
}
