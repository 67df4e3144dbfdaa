using System.Buffers.Binary;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>
/// A socket of the fake kernel. Like the kernel, it answers requests before Send returns; notifications arrive at any time.
/// </summary>
internal sealed class FakeSocket(FakeHost host, uint portId, bool generic) : INetlinkSubscription
{
    private readonly object _gate = new();
    private readonly Queue<(Errno Errno, byte[] Datagram)> _pending = new();
    private readonly EventFd _ready = new();

    public uint PortId => portId;

    /// <summary>Whether it is a generic netlink socket; otherwise rtnetlink.</summary>
    public bool IsGeneric => generic;

    public FileDescriptor Handle => _ready.Handle;

    public bool Disposed { get; private set; }

    public void Send(ReadOnlySpan<byte> datagram, string operation) => host.Handle(this, datagram.ToArray());

    public Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length)
    {
        length = 0;
        var deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            while (_pending.Count == 0)
            {
                var left = deadline - Environment.TickCount64;
                if (left <= 0)
                {
                    return Errno.EAGAIN;
                }

                Monitor.Wait(_gate, (int)Math.Min(left, int.MaxValue));
            }
            var (errno, datagram) = _pending.Dequeue();
            if (_pending.Count == 0)
            {
                _ = _ready.Drain();
            }

            length = datagram.Length;
            datagram.AsSpan(0, Math.Min(datagram.Length, buffer.Length)).CopyTo(buffer);
            return errno;
        }
    }

    public void Deliver(byte[] datagram) => Enqueue(Errno.None, datagram);

    /// <summary>Drops unread messages.</summary>
    public void Overrun()
    {
        lock (_gate)
        {
            _pending.Clear();
        }

        Enqueue(Errno.ENOBUFS, []);
    }

    public void Acknowledge(byte[] request, FakeError? error)
    {
        var attributes = error?.Text is { } text ? new Attributes().Text(1, text).ToArray() : [];
        var flags = 0x100 | (attributes.Length > 0 ? 0x200 : 0);
        Deliver(Bytes.Message(
            2, flags, Sequence(request), portId, [.. Bytes.Int(-(int)(error?.Errno ?? Errno.None)), .. request[..16], .. attributes]));
    }

    public void Reply(byte[] request, int type, byte[] payload, bool multi) =>
        Deliver(Bytes.Message(type, multi ? 2 : 0, Sequence(request), portId, payload));

    public void Done(byte[] request) => Deliver(Bytes.Message(3, 2, Sequence(request), portId, Bytes.Int(0)));

    public void Dispose()
    {
        lock (_gate)
        {
            if (Disposed)
            {
                return;
            }

            Disposed = true;
            _ready.Dispose();
        }
        host.Forget(this);
    }

    private static uint Sequence(byte[] request) => BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(8));

    private void Enqueue(Errno errno, byte[] datagram)
    {
        lock (_gate)
        {
            if (Disposed)
            {
                return;
            }

            _pending.Enqueue((errno, datagram));
            _ready.Signal();
            Monitor.PulseAll(_gate);
        }
    }
}
