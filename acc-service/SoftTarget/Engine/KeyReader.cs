using System.Runtime.CompilerServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>Gathers a key's stored form from the packet's structures. In native memory, for the interpreter.</summary>
internal unsafe struct KeyReader
{
    public int Struct;
    public int Offset;
    public int FullWords;

    /// <summary>Access code of the bytes after the full words, or -1.</summary>
    public int TailCode;
    public int Words;
    public int SegmentCount;
    public KeySegment* Segments;

    public static KeyReader Create(KeyLayout layout, KeySegment* segments)
    {
        for (var i = 0; i < layout.Segments.Length; i++)
        {
            segments[i] = layout.Segments[i];
        }

        return new KeyReader
        {
            Words = layout.Words,
            SegmentCount = layout.Segments.Length,
            Segments = segments,
            Struct = layout.Segments.Length > 0 ? layout.Segments[0].Struct : 0,
            Offset = layout.Segments.Length > 0 ? layout.Segments[0].Offset : 0,
            FullWords = layout.Bytes / 8,
            TailCode = layout.Bytes % 8 == 0 ? -1 : layout.Bytes % 8 - 1,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(KeyReader* reader, byte** structs, ulong* key)
    {
        if (reader->SegmentCount == 1)
        {
            var p = structs[reader->Struct] + reader->Offset;
            var full = reader->FullWords;
            for (var i = 0; i < full; i++, p += 8)
            {
                key[i] = *(ulong*)p;
            }

            if (reader->TailCode == 3)
            {
                key[full] = *(uint*)p;
            }
            else if (reader->TailCode >= 0)
            {
                key[full] = FieldAccess.Load(p, (byte)reader->TailCode);
            }

            return;
        }
        ReadSegments(reader, structs, key);
    }

    private static void ReadSegments(KeyReader* reader, byte** structs, ulong* key)
    {
        key[reader->Words - 1] = 0;
        var to = (byte*)key;
        for (var i = 0; i < reader->SegmentCount; i++)
        {
            var segment = reader->Segments + i;
            Unsafe.CopyBlockUnaligned(to, structs[segment->Struct] + segment->Offset, (uint)segment->Length);
            to += segment->Length;
        }
    }
}
