using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;

namespace ACCOffload.InfraManager.State.Policy.Felix.Wire;

/// <summary>
/// Felix's frames: the length of the message as 64 bits, lowest byte first, then the message. Memory for a frame is only taken as its bytes
/// arrive.
/// </summary>
internal sealed class FelixFrames : IAsyncDisposable
{
    /// <summary>
    /// Maximum length of a message in bytes. Felix has none: an IP set of 100,000 addresses is one message of 1.7 MB, so this is one with
    /// almost 4 million.
    /// </summary>
    public const int MaxLength = 64 * 1024 * 1024;

    private const int HeaderLength = sizeof(ulong);
    private const int BufferSize = 64 * 1024;

    // A frame that has begun arrives in this time. Between frames Felix may be silent for any time.
    private static readonly TimeSpan Arrival = TimeSpan.FromSeconds(60);

    private readonly PipeReader _reader;
    private readonly TimeProvider _time;
    private readonly int _maxLength;

    public FelixFrames(Stream stream, TimeProvider time, int maxLength = MaxLength)
    {
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: BufferSize, leaveOpen: true));
        _time = time;
        _maxLength = maxLength;
    }

    /// <summary>Puts the length in front of a message.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> message)
    {
        var frame = new byte[HeaderLength + message.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)message.Length);
        message.CopyTo(frame.AsSpan(HeaderLength));
        return frame;
    }

    /// <summary>Waits for the next message.</summary>
    /// <returns>The message; null when the other side closed the connection between two frames.</returns>
    /// <exception cref="FelixStreamException">
    /// A frame is longer than the limit, does not arrive in time, or is cut off.
    /// </exception>
    /// <exception cref="IOException">The connection failed.</exception>
    public async ValueTask<byte[]?> ReadAsync(CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        var hasBegun = false;
        while (true)
        {
            ReadResult result;
            try
            {
                result = await _reader.ReadAsync(either.Token);
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested && !cancel.IsCancellationRequested)
            {
                throw new FelixStreamException($"Felix began a frame and did not finish it within {Arrival.TotalSeconds:0} s");
            }

            if (TryTake(result.Buffer, out var message))
            {
                return message;
            }

            if (result.IsCompleted)
            {
                _reader.AdvanceTo(result.Buffer.End);
                return result.Buffer.IsEmpty ? null : throw new FelixStreamException("the connection ended inside a frame");
            }

            if (!hasBegun && !result.Buffer.IsEmpty)
            {
                hasBegun = true;
                late.CancelAfter(Arrival);
            }

            _reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Takes the next message if all of it has already been received.</summary>
    /// <exception cref="FelixStreamException">The frame is longer than the limit.</exception>
    public bool TryRead([NotNullWhen(true)] out byte[]? message)
    {
        message = null;
        if (!_reader.TryRead(out var result))
        {
            return false;
        }

        if (TryTake(result.Buffer, out message))
        {
            return true;
        }

        // Not examined: the next read sees the same bytes at once, and then waits for more.
        _reader.AdvanceTo(result.Buffer.Start);
        return false;
    }

    public ValueTask DisposeAsync() => _reader.CompleteAsync();

    private bool TryTake(ReadOnlySequence<byte> buffer, [NotNullWhen(true)] out byte[]? message)
    {
        message = null;
        if (buffer.Length < HeaderLength)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        buffer.Slice(0, HeaderLength).CopyTo(header);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(header);
        if (length > (ulong)_maxLength)
        {
            throw new FelixStreamException($"Felix announced a frame of {length} bytes; the limit is {_maxLength}");
        }

        if (buffer.Length < HeaderLength + (long)length)
        {
            return false;
        }

        message = buffer.Slice(HeaderLength, (long)length).ToArray();
        _reader.AdvanceTo(buffer.GetPosition(HeaderLength + (long)length));
        return true;
    }
}
