using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <content>Receiving and sending.</content>
public sealed unsafe partial class PacketPort
{
    private const uint StatusChecksumNotReady = 1 << 3;
    private const uint StatusVlanValid = 1 << 4;
    private const uint StatusVlanTpidValid = 1 << 6;
    private const ushort EtherTypeVlan = 0x8100;
    private const int VlanTagLength = 4;
    private const int ControlHeaderLength = 16;

    /// <summary>Reads what is there, at most a batch, and never waits.</summary>
    /// <returns>Packets now in the batch; 0 if there are none or the link is not up (<see cref="State"/>).</returns>
    /// <exception cref="LinuxException">The socket is broken.</exception>
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
        var received = Libc.ReceiveMany(Handle, batch.Messages, (uint)batch.Capacity, Libc.MessageDontWait, null);
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
            if ((message.Header.Flags & Libc.MessageTruncated) != 0)
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

    /// <summary>Sends one packet now, past every queue of ours; any thread may.</summary>
    /// <returns>False if the link did not take it; it is counted as dropped.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        bool sent;
        fixed (byte* bytes = frame)
        {
            sent = _isTap ? WriteToTap(bytes, (nuint)frame.Length) : Libc.Send(Handle, bytes, (nuint)frame.Length, Libc.MessageDontWait) >= 0;
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

    /// <summary>Asks the kernel for the link's state.</summary>
    public PortLinkState RefreshState()
    {
        var state = _isTap ? GetTapState() : LinkRequest.GetState(Handle, InterfaceIndex);
        _state = state;
        return state;
    }

    /// <summary>Sends prepared messages; what the link does not take is dropped, as a switch would.</summary>
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
            var sent = Libc.SendMany(Handle, messages + position, (uint)(count - position), Libc.MessageDontWait);
            if (sent > 0)
            {
                taken += sent;
                continue;
            }
            // The first of the rest failed. A full queue or a dead link takes none of the others either; a bad packet is passed over.
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

    // The kernel takes a frame's outer VLAN tag out and passes it beside the packet. It goes back in: without it a tagged
    // frame would look like an untagged one and pass rules that were never meant for it.
    private void ApplyDetails(PacketBatch batch, int index, int controlLength)
    {
        var control = batch.Control + (index * PacketBatch.ControlSize);
        if (controlLength < ControlHeaderLength + 20
            || Unsafe.ReadUnaligned<int>(control + 8) != Libc.LevelPacket || Unsafe.ReadUnaligned<int>(control + 12) != OptionAuxiliaryData)
        {
            return;
        }

        var details = control + ControlHeaderLength;
        var status = Unsafe.ReadUnaligned<uint>(details);
        if ((status & StatusChecksumNotReady) != 0)
        {
            Add(ref _partialChecksums, 1);
        }

        if ((status & StatusVlanValid) == 0 || batch.Length(index) < 2 * MacAddress.Length)
        {
            return;
        }

        var tag = Unsafe.ReadUnaligned<ushort>(details + 16);
        var tagProtocol = (status & StatusVlanTpidValid) != 0 ? Unsafe.ReadUnaligned<ushort>(details + 18) : EtherTypeVlan;
        var offset = batch.Offset(index) - VlanTagLength;
        var slot = batch.Buffer(index);
        slot.Slice(offset + VlanTagLength, 2 * MacAddress.Length).CopyTo(slot[offset..]);
        BinaryPrimitives.WriteUInt16BigEndian(slot[(offset + 12)..], tagProtocol);
        BinaryPrimitives.WriteUInt16BigEndian(slot[(offset + 14)..], tag);
        batch.Place(index, offset, batch.Length(index) + VlanTagLength);
    }

    // Only the receiving thread adds to these, so a plain read is enough; the write is one that other threads see whole.
    private static void Add(ref long counter, long value) => Volatile.Write(ref counter, counter + value);
}
