using System.Buffers;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>A <c>p4.v1.WriteRequest</c> in wire form, in a pooled buffer.</summary>
internal sealed class EncodedWrite : IDisposable
{
    private const int Ready = 0;
    private const int Sending = 1;
    private const int Sent = 2;
    private const int Gone = 3;

    private readonly byte[] _buffer;
    private readonly int _start;
    private int _state;

    // It is written from the end of the buffer to its start.
    private EncodedWrite(byte[] buffer, int start)
    {
        _buffer = buffer;
        _start = start;
    }

    public int Length => _buffer.Length - _start;

    public ReadOnlySpan<byte> Span => _buffer.AsSpan(_start, Length);

    /// <summary>Encodes the updates without allocating an object for each.</summary>
    /// <exception cref="ArgumentException">An update has no entry, or inserts or modifies without an action.</exception>
    public static EncodedWrite Encode(ulong deviceId, ElectionId electionId, ReadOnlySpan<byte> role, ReadOnlySpan<EntryUpdate> updates)
    {
        var header = 64 + role.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(header + (updates.Length * 112));
        try
        {
            var writer = new BackwardWriter(buffer);
            writer.Bytes(6, role);

            for (var i = updates.Length - 1; i >= 0; i--)
            {
                var (kind, entry) = updates[i];
                Check(kind, entry, i);
                if (writer.Position < header + UpdateEncoder.MaxSize(entry))
                {
                    var used = buffer.Length - writer.Position;
                    Grow(ref buffer, used, UpdateEncoder.MaxSize(entry) + header);
                    writer = new BackwardWriter(buffer.AsSpan(0, buffer.Length - used));
                }

                UpdateEncoder.Write(ref writer, kind, entry);
            }

            var id = writer.Length;
            writer.Number(2, electionId.Low);
            writer.Number(1, electionId.High);
            writer.Message(3, id);
            writer.Number(1, deviceId);
            return new EncodedWrite(buffer, writer.Position);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    /// <summary>Hands the bytes to gRPC; runs on whatever thread sends the request.</summary>
    public static void Serialize(EncodedWrite request, SerializationContext context)
    {
        if (Interlocked.CompareExchange(ref request._state, Sending, Ready) is Gone)
        {
            throw new OperationCanceledException("the Write was canceled before it was sent");
        }

        context.SetPayloadLength(request.Length);
        context.GetBufferWriter().Write(request.Span);
        context.Complete();
        Interlocked.CompareExchange(ref request._state, Sent, Sending);
    }

    /// <summary>
    /// Returns the buffer to the pool, unless a canceled call is still reading it: then it is left to the garbage collector.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _state, Gone) is Ready or Sent)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    private static void Check(UpdateKind kind, Entry? entry, int index)
    {
        if (entry is null || kind is not (UpdateKind.Insert or UpdateKind.Modify or UpdateKind.Delete))
        {
            throw new ArgumentException($"update {index} has no entry or no kind");
        }

        if (kind != UpdateKind.Delete && entry.Action.Kind == ActionKind.None)
        {
            throw new ArgumentException($"update {index} ({kind} {entry.Key}) has no action");
        }
    }

    private static void Grow(ref byte[] buffer, int used, int need)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(buffer.Length * 2), checked(used + need)));
        Array.Copy(buffer, buffer.Length - used, larger, larger.Length - used, used);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
