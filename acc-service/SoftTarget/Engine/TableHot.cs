using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>A mask in use and the highest priority of its entries.</summary>
internal unsafe struct TupleHot
{
    public ulong* Mask;
    public ulong Id;
    public uint Priority;
}

/// <summary>
/// The part of a table that lookups read. Entries are in one array; <see cref="Slots"/> is an open-addressing index with linear probing of
/// (fingerprint, entry number + 1). Masked tables use tuple space search: the index is keyed by the masked key and the tuple's id, and
/// tuples are tried by descending priority until none can beat the match.
/// </summary>
internal unsafe struct TableHot
{
    public KeyReader Key;
    public uint* Slots;
    public byte* Entries;
    public TupleHot* Tuples;
    public byte* DefaultData;
    public ulong Seed;
    public uint SlotMask;

    /// <summary>Mask of the low bits of a slot: the entry number + 1; the other bits are the fingerprint.</summary>
    public uint NumberMask;
    public int Stride;
    public int ActionOffset;
    public int TupleCount;
    public int DefaultAction;

    /// <summary>Whether the table has no key or no entries.</summary>
    public bool Empty;
    public bool Exact;

    public const int DataAfterAction = 2;

    // Offsets in an entry of a masked table, after the key.
    public const int SequenceOffset = 0;
    public const int PriorityOffset = 8;
    public const int NextOffset = 12;
    public const int TupleOffset = 16;
    public const int MaskedHeader = 18;

    /// <summary>Finds the entry for a key, or null.</summary>
    public static byte* Lookup(TableHot* table, ulong* key, ulong* scratch)
    {
        if (table->Empty)
        {
            return null;
        }

        return table->Exact ? LookupExact(table, key) : LookupMasked(table, key, scratch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Hash(ulong* key, int words, ulong seed)
    {
        var h = seed;
        for (var i = 0; i < words; i++)
        {
            var high = Math.BigMul(h ^ key[i], 0x9E37_79B9_7F4A_7C15UL, out var low);
            h = high ^ low;
        }
        return h;
    }

    private static byte* LookupExact(TableHot* table, ulong* key)
    {
        var words = table->Key.Words;
        var hash = Hash(key, words, table->Seed);
        var slots = table->Slots;
        var slotMask = table->SlotMask;
        var numberMask = table->NumberMask;
        var fingerprint = (uint)(hash >> 32) & ~numberMask;
        for (var at = (uint)hash & slotMask; ; at = (at + 1) & slotMask)
        {
            var slot = slots[at];
            if (slot == 0)
            {
                return null;
            }

            if ((slot & ~numberMask) != fingerprint)
            {
                continue;
            }

            var entry = table->Entries + (long)((slot & numberMask) - 1) * table->Stride;
            var stored = (ulong*)entry;
            var i = 0;
            while (i < words && stored[i] == key[i])
            {
                i++;
            }

            if (i == words)
            {
                return entry;
            }
        }
    }

    private static byte* LookupMasked(TableHot* table, ulong* key, ulong* masked)
    {
        byte* best = null;
        uint priority = 0;
        ulong sequence = 0;
        var words = table->Key.Words;
        for (var t = table->Tuples; t < table->Tuples + table->TupleCount; t++)
        {
            if (best != null && t->Priority < priority)
            {
                break;
            }

            for (var i = 0; i < words; i++)
            {
                masked[i] = key[i] & t->Mask[i];
            }

            var entry = Find(table, masked, t->Id);
            if (entry == null)
            {
                continue;
            }
            // The head of the chain has the highest priority of all entries with this mask and key.
            var header = entry + words * 8;
            var p = *(uint*)(header + PriorityOffset);
            var s = *(ulong*)(header + SequenceOffset);
            if (best == null || p > priority || (p == priority && s < sequence))
            {
                best = entry;
                priority = p;
                sequence = s;
            }
        }
        return best;
    }

    private static byte* Find(TableHot* table, ulong* key, ulong tuple)
    {
        var words = table->Key.Words;
        var hash = Hash(key, words, table->Seed + tuple);
        var numberMask = table->NumberMask;
        var fingerprint = (uint)(hash >> 32) & ~numberMask;
        for (var at = (uint)hash & table->SlotMask; ; at = (at + 1) & table->SlotMask)
        {
            var slot = table->Slots[at];
            if (slot == 0)
            {
                return null;
            }

            if ((slot & ~numberMask) != fingerprint)
            {
                continue;
            }

            var entry = table->Entries + (long)((slot & numberMask) - 1) * table->Stride;
            var stored = (ulong*)entry;
            if (*(ushort*)(entry + words * 8 + TupleOffset) != tuple)
            {
                continue;
            }

            var i = 0;
            while (i < words && stored[i] == key[i])
            {
                i++;
            }

            if (i == words)
            {
                return entry;
            }
        }
    }
}
