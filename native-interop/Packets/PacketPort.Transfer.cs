using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <content>Receiving and sending.</content>
public sealed unsafe partial class PacketPort
{
    private const uint TP_STATUS_CSUMNOTREADY = 1 << 3;
    private const uint TP_STATUS_VLAN_VALID = 1 << 4;
    private const uint TP_STATUS_VLAN_TPID_VALID = 1 << 6;
    private const ushort ETH_P_8021Q = 0x8100;
    private const int VLAN_HLEN = 4;
    private const int ControlHeaderLength = 16;

    /// <summary>Receives pending packets, at most a batch, without blocking.</summary>
    /// <returns>Number of packets in the batch; 0 if none are pending or the link is not up (<see cref="State"/>).</returns>
    /// <exception cref="LinuxException">The socket failed.</exception>
    public int Receive(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.ThrowIfDisposed();
        batch.Count = 0;
        if (_isTap)
        {
            return ReceiveFromTap(batch);
        }

        for (var i = 0; i < batch.Capacity; i++)
        {
            batch.Messages[i].Header.ControlLength = PacketBatch.ControlSize;
            batch.Messages[i].Header.Flags = 0;
        }
        var received = Libc.ReceiveMany(Handle, batch.Messages, (uint)batch.Capacity, Libc.MSG_DONTWAIT, null);
        GC.KeepAlive(batch);
        if (received < 0)
        {
            switch ((Errno)Marshal.GetLastPInvokeError())
            {
                case Errno.EAGAIN or Errno.EINTR:
                    return 0;
                case Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV:
                    _ = RefreshState();
                    return 0;
                default:
                    throw LinuxException.FromLastError($"receive from {Name}");
            }
        }
        if (received > 0 && _state == PortLinkState.Down)
        {
            _state = PortLinkState.Up;
        }

        var kept = 0;
        for (var i = 0; i < received; i++)
        {
            ref var message = ref batch.Messages[i];
            if ((message.Header.Flags & Libc.MSG_TRUNC) != 0)
            {
                Add(ref _oversized, 1);
                continue;
            }
            batch.Place(i, batch.Headroom, (int)message.Length);
            ApplyDetails(batch, i, (int)message.Header.ControlLength);
            if (kept != i)
            {
                batch.Copy(i, kept);
            }

            kept++;
        }
        batch.Count = kept;
        Add(ref _received, kept);
        return kept;
    }

    /// <summary>Sends one packet at once, bypassing our queues. Thread-safe.</summary>
    /// <returns>False if the link did not accept it; the packet is counted as dropped.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        bool sent;
        fixed (byte* bytes = frame)
        {
            sent = _isTap ? WriteToTap(bytes, (nuint)frame.Length) : Libc.Send(Handle, bytes, (nuint)frame.Length, Libc.MSG_DONTWAIT) >= 0;
        }

        if (sent)
        {
            Interlocked.Increment(ref _sent);
            return true;
        }
        if (!_isTap)
        {
            OnSendError();
        }

        Interlocked.Increment(ref _sendDropped);
        return false;
    }

    /// <summary>Reads the link's state from the kernel.</summary>
    public PortLinkState RefreshState()
    {
        var state = _isTap ? GetTapState() : LinkRequest.GetState(Handle, InterfaceIndex);
        _state = state;
        return state;
    }

    /// <summary>Sends prepared messages; drops what the link does not accept, as a switch does.</summary>
    internal int SendAll(Libc.MultiMessage* messages, int count)
    {
        if (_isTap)
        {
            return SendAllToTap(messages, count);
        }

        var taken = 0;
        var dropped = 0;
        while (taken + dropped < count)
        {
            var position = taken + dropped;
            var sent = Libc.SendMany(Handle, messages + position, (uint)(count - position), Libc.MSG_DONTWAIT);
            if (sent > 0)
            {
                taken += sent;
                continue;
            }
            // The first of the remaining packets failed. A full queue or a dead link would not accept the others either; if only the packet
            // is bad, skip it.
            var errno = OnSendError();
            if (errno == Errno.EINTR)
            {
                continue;
            }

            dropped += errno is Errno.EMSGSIZE or Errno.EINVAL ? 1 : count - position;
        }
        Interlocked.Add(ref _sent, taken);
        if (dropped != 0)
        {
            Interlocked.Add(ref _sendDropped, dropped);
        }

        return taken;
    }

    private Errno OnSendError()
    {
        var errno = (Errno)Marshal.GetLastPInvokeError();
        if (errno is Errno.ENETDOWN or Errno.ENXIO or Errno.ENODEV)
        {
            _ = RefreshState();
        }
        else if (errno is Errno.EBADF)
        {
            throw LinuxException.FromLastError($"send to {Name}");
        }

        return errno;
    }

    // The kernel strips a frame's outer VLAN tag and passes it as metadata. Put it back: without it a tagged frame would look untagged
    // and match rules that are not meant for it.
    private void ApplyDetails(PacketBatch batch, int index, int controlLength)
    {
        var control = batch.Control + (index * PacketBatch.ControlSize);
        if (controlLength < ControlHeaderLength + 20
            || Unsafe.ReadUnaligned<int>(control + 8) != Libc.SOL_PACKET || Unsafe.ReadUnaligned<int>(control + 12) != PACKET_AUXDATA)
        {
            return;
        }

        var details = control + ControlHeaderLength;
        var status = Unsafe.ReadUnaligned<uint>(details);
        if ((status & TP_STATUS_CSUMNOTREADY) != 0)
        {
            Add(ref _partialChecksums, 1);
        }

        if ((status & TP_STATUS_VLAN_VALID) == 0 || batch.Length(index) < 2 * MacAddress.Length)
        {
            return;
        }

        var tag = Unsafe.ReadUnaligned<ushort>(details + 16);
        var tagProtocol = (status & TP_STATUS_VLAN_TPID_VALID) != 0 ? Unsafe.ReadUnaligned<ushort>(details + 18) : ETH_P_8021Q;
        var offset = batch.Offset(index) - VLAN_HLEN;
        var slot = batch.Buffer(index);
        slot.Slice(offset + VLAN_HLEN, 2 * MacAddress.Length).CopyTo(slot[offset..]);
        BinaryPrimitives.WriteUInt16BigEndian(slot[(offset + 12)..], tagProtocol);
        BinaryPrimitives.WriteUInt16BigEndian(slot[(offset + 14)..], tag);
        batch.Place(index, offset, batch.Length(index) + VLAN_HLEN);
    }

    // Only the receiving thread adds to these counters, so a plain read suffices; the write must be atomic for other threads.
    private static void Add(ref long counter, long value) => Volatile.Write(ref counter, counter + value);
}
