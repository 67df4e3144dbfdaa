using ACCOffload.NativeInterop.Packets;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>A port's open link and its send queue. Owned by the data-plane thread.</summary>
internal sealed class BoundLink(SoftPort port, PacketPort link, int burst) : IDisposable
{
    private readonly PacketSender _sender = link.CreateSender(burst);
    private long _bytes;

    public SoftPort Port { get; } = port;

    public PacketPort Link { get; } = link;

    /// <summary>Whether packets are queued.</summary>
    public bool HasPackets => _sender.Count != 0;

    public void Add(PacketBatch batch, int index)
    {
        _bytes += batch.Length(index);
        _sender.Add(batch, index);
    }

    public void Flush()
    {
        var count = _sender.Count;
        var taken = _sender.Flush();
        Port.CountSent(taken, taken == count ? _bytes : _bytes * taken / Math.Max(1, count));
        if (taken != count)
        {
            Port.CountUnsent(count - taken);
        }

        _bytes = 0;
    }

    public void Send(ReadOnlySpan<byte> frame)
    {
        if (Link.TrySend(frame))
        {
            Port.CountSent(1, frame.Length);
        }
        else
        {
            Port.CountUnsent(1);
        }
    }

    public void Dispose()
    {
        _sender.Dispose();
        Link.Dispose();
    }
}
