using System.Buffers.Binary;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.FakeKernel.Scripted;

/// <summary>Answers netlink requests as scripted by a test; waiting only advances the fake clock.</summary>
internal sealed class ScriptedKernel : INetlinkTransport
{
    public const uint Port = 4242;

    private readonly Queue<(Errno Errno, byte[] Datagram, int Length)> _pending = new();

    public FakeTimeProvider Time { get; } = new();

    public List<byte[]> Requests { get; } = [];

    /// <summary>Called with the number (from 1) and sequence number of each request.</summary>
    public Action<int, uint>? OnRequest { get; set; }

    public uint PortId => Port;

    public bool Disposed { get; private set; }

    public void Answer(params byte[][] messages) => _pending.Enqueue((Errno.None, messages.SelectMany(m => m).ToArray(), -1));

    public void AnswerCutOff() => _pending.Enqueue((Errno.None, [], 1 << 20));

    public void Lose() => _pending.Enqueue((Errno.ENOBUFS, [], 0));

    public void Fail(Errno errno) => _pending.Enqueue((errno, [], 0));

    public void Acknowledge(uint sequence, int error = 0, int flags = 0x100, byte[]? attributes = null, uint port = Port) =>
        Answer(Bytes.Message(2, flags, sequence, port, [.. Bytes.Int(-error), .. new byte[16], .. attributes ?? []]));

    public void Done(uint sequence, int flags = 2, int error = 0) => Answer(Bytes.Message(3, flags, sequence, Port, Bytes.Int(-error)));

    public void Send(ReadOnlySpan<byte> datagram, string operation)
    {
        Requests.Add(datagram.ToArray());
        OnRequest?.Invoke(Requests.Count, BinaryPrimitives.ReadUInt32LittleEndian(datagram[8..]));
    }

    public Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length)
    {
        length = 0;
        if (!_pending.TryDequeue(out var next))
        {
            Time.Advance(timeout);
            return Errno.EAGAIN;
        }
        // Each answer takes some time, so that an endless stream of answers reaches the deadline.
        if (timeout > TimeSpan.Zero)
        {
            Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        length = next.Length >= 0 ? next.Length : next.Datagram.Length;
        if (next.Datagram.Length <= buffer.Length)
        {
            next.Datagram.CopyTo(buffer);
        }

        return next.Errno;
    }

    public void Dispose() => Disposed = true;
}
