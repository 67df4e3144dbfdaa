namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>A connection whose input is a stream and whose output is kept.</summary>
internal sealed class TwoWayStream(Stream input) : Stream
{
    private readonly Lock _lock = new();
    private readonly MemoryStream _output = new();

    public byte[] Output
    {
        get
        {
            lock (_lock)
            {
                return _output.ToArray();
            }
        }
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        input.ReadAsync(buffer, cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count)
    {
        lock (_lock)
        {
            _output.Write(buffer, offset, count);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            _output.Write(buffer.Span);
        }

        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        input.Dispose();
        _output.Dispose();
        base.Dispose(disposing);
    }
}
