using System.Buffers;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>
/// Reads a response body, whole or line by line, with limits on its size and on the time between reads. Not thread-safe.
/// </summary>
internal sealed class BodyReader(Stream stream, TimeSpan idleTimeout, TimeProvider time) : IDisposable
{
    private const int InitialBufferBytes = 16 << 10;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(InitialBufferBytes);
    private int _start;
    private int _end;
    private int _scanned;

    /// <summary>The whole body; valid until the reader is disposed.</summary>
    /// <exception cref="BodyTooLargeException">The body is larger than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="TimeoutException">No data arrived in time.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(int maxBytes, CancellationToken cancellationToken)
    {
        while (await FillAsync(maxBytes, cancellationToken))
        {
        }
        return _buffer.AsMemory(_start, _end - _start);
    }

    /// <summary>The next non-empty line without its line break, valid until the next call; null at the end of the body.</summary>
    /// <exception cref="BodyTooLargeException">The line is longer than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="TimeoutException">No data arrived in time.</exception>
    /// <exception cref="EndOfStreamException">The body ends in the middle of a line.</exception>
    public async Task<ReadOnlyMemory<byte>?> ReadLineAsync(int maxBytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            var at = _buffer.AsSpan(_start + _scanned, _end - _start - _scanned).IndexOf((byte)'\n');
            if (at >= 0)
            {
                if (_scanned + at > maxBytes)
                {
                    throw new BodyTooLargeException(maxBytes);
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
            if (await FillAsync(maxBytes, cancellationToken))
            {
                continue;
            }

            return _buffer.AsSpan(_start, _end - _start).Trim(" \r\t"u8).IsEmpty
                ? null
                : throw new EndOfStreamException("the response ends in the middle of a line");
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private async Task<bool> FillAsync(int maxBytes, CancellationToken cancellationToken)
    {
        if (_end - _start > maxBytes)
        {
            throw new BodyTooLargeException(maxBytes);
        }

        if (_end == _buffer.Length)
        {
            Grow();
        }

        using var timeout = new CancellationTokenSource(idleTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        int count;
        try
        {
            count = await stream.ReadAsync(_buffer.AsMemory(_end), either.Token);
        }
        catch (Exception e) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested
            && e is OperationCanceledException or IOException)
        {
            throw new TimeoutException($"no data for {idleTimeout.TotalSeconds:0} s");
        }
        _end += count;
        return count > 0;
    }

    private void Grow()
    {
        var count = _end - _start;
        var next = _start > _buffer.Length / 2 ? _buffer : ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(_start, count).CopyTo(next);
        if (next != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        (_buffer, _start, _end) = (next, 0, count);
    }
}

/// <summary>A response exceeds its size limit.</summary>
internal sealed class BodyTooLargeException(int maxBytes) : Exception($"the response is larger than {maxBytes} bytes");
