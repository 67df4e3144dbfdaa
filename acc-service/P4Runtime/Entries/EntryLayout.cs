using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>Layout of packed keys, shared by builder and decoder.</summary>
internal static class EntryLayout
{
    /// <summary>Packs "matches everything" into a field that is not exact.</summary>
    public static void SetAny(Span<byte> packed, MatchFieldSchema field)
    {
        var all = packed.Slice(field.Offset, field.PackedSize);
        all.Clear();
        if (field.Kind == MatchKind.Range)
        {
            BitString.FillLow(all[field.ByteWidth..], field.BitWidth);
        }
    }
}
