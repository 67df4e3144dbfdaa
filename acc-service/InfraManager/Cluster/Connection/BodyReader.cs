using System.Buffers;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// Reads an answer's body with limits on its size and on how long nothing may come: a whole one, or line by line. Not thread-safe.
/// </summary>
internal sealed class BodyReader(Stream stream, TimeSpan idle, TimeProvider time) : IDisposable
{
    private const int FirstBuffer = 16 << 10;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _start;
    private int _end;
    private int _scanned;

    /// <summary>The whole body; valid until the reader is disposed.</summary>
    /// <exception cref="BodyTooLargeException">It is larger than <paramref name="largest"/>.</exception>
    /// <exception cref="TimeoutException">Nothing came for too long.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(int largest, CancellationToken cancellationToken)
    {
        while (await FillAsync(largest, cancellationToken))
        {
        }
        return _buffer.AsMemory(_start, _end - _start);
    }

    /// <summary>The next line without its end, valid until the next call; null at the end. Empty lines are skipped.</summary>
    /// <exception cref="BodyTooLargeException">It is longer than <paramref name="largest"/>.</exception>
    /// <exception cref="TimeoutException">Nothing came for too long.</exception>
    /// <exception cref="EndOfStreamException">The body ends within a line.</exception>
    public async Task<ReadOnlyMemory<byte>?> ReadLineAsync(int largest, CancellationToken cancellationToken)
    {
        while (true)
        {
            var at = _buffer.AsSpan(_start + _scanned, _end - _start - _scanned).IndexOf((byte)'\n');
            if (at >= 0)
            {
                if (_scanned + at > largest)
                {
                    throw new BodyTooLargeException(largest);
                }

                var line = _buffer.AsMemory(_start, _scanned + at);
                _start += _scanned + at + 1;
                _scanned = 0;
                if (!line.Span.Trim(" \r\t"u8).IsEmpty)
                {
                    return line;
                }

                continue;
            }
            _scanned = _end - _start;
            if (await FillAsync(largest, cancellationToken))
            {
                continue;
            }

            return _buffer.AsSpan(_start, _end - _start).Trim(" \r\t"u8).IsEmpty ? null : throw new EndOfStreamException("the answer ends within a line");
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private async Task<bool> FillAsync(int largest, CancellationToken cancellationToken)
    {
        if (_end - _start > largest)
        {
            throw new BodyTooLargeException(largest);
        }

        if (_end == _buffer.Length)
        {
            MakeRoom();
        }

        using var limit = new CancellationTokenSource(idle, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        int count;
        try
        {
            count = await stream.ReadAsync(_buffer.AsMemory(_end), either.Token);
        }
        catch (Exception e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            throw new TimeoutException($"nothing came for {idle.TotalSeconds:0} s");
        }
        _end += count;
        return count > 0;
    }

    private void MakeRoom()
    {
        var held = _end - _start;
        var next = _start > _buffer.Length / 2 ? _buffer : ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(_start, held).CopyTo(next);
        if (next != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        (_buffer, _start, _end) = (next, 0, held);
    }
}

/// <summary>An answer is larger than we take.</summary>
internal sealed class BodyTooLargeException(int largest) : Exception($"the answer is larger than {largest} bytes");
