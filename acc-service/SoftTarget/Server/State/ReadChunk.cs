using System.Buffers;
using Grpc.Core;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>A ReadResponse in wire form, filled entity by entity and sent when it is large enough.</summary>
internal sealed class ReadChunk : IDisposable
{
    /// <summary>Target size of a message; far below the 4 MB that a client accepts by default.</summary>
    private const int TargetBytes = 512 << 10;

    private const uint EntitiesField = 1;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(TargetBytes + (64 << 10));
    private byte[] _scratch = ArrayPool<byte>.Shared.Rent(4096);
    private int _length;

    public bool IsEmpty => _length == 0;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Clear() => _length = 0;

    /// <summary>Appends entities of a section; true if the chunk is full, false at the end of the section.</summary>
    public bool Fill(ReadSection section)
    {
        Ensure(ref _scratch, section.EntityBytes, keep: 0);
        while (section.MoveNext())
        {
            var writer = new BackwardWriter(_scratch);
            section.Write(ref writer);
            writer.Message(EntitiesField, 0);
            Ensure(ref _bytes, _length + writer.Length, keep: _length);
            writer.Written.CopyTo(_bytes.AsSpan(_length));
            _length += writer.Length;
            if (_length >= TargetBytes)
            {
                return true;
            }
        }

        return false;
    }

    public static void Serialize(ReadChunk chunk, SerializationContext context)
    {
        context.SetPayloadLength(chunk._length);
        context.GetBufferWriter().Write(chunk._bytes.AsSpan(0, chunk._length));
        context.Complete();
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        ArrayPool<byte>.Shared.Return(_scratch);
        _bytes = _scratch = [];
    }

    private static void Ensure(ref byte[] buffer, int bytes, int keep)
    {
        if (buffer.Length >= bytes)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, 2 * buffer.Length));
        buffer.AsSpan(0, keep).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
