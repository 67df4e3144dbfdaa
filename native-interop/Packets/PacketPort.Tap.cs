using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <content>A TAP in a packet socket's place: what the machine sends through the link is received here.</content>
public sealed unsafe partial class PacketPort
{
    private const string TapDevice = "/dev/net/tun";
    private const nuint SetInterface = 0x400454ca;
    private const nuint SetPersistent = 0x400454cb;
    private const nuint GetInterface = 0x800454d2;
    private const short FlagTap = 0x0002;
    private const short FlagMultiQueue = 0x0100;
    private const short FlagNoPacketInformation = 0x1000;
    private const short FlagVnetHeader = 0x4000;

    /// <summary>struct virtio_net_hdr: without merged buffers, which is what a TAP has by default.</summary>
    private const int VnetHeaderLength = 10;
    private const byte VnetNeedsChecksum = 1;

    private readonly bool _isTap;
    private readonly int _header;

    /// <summary>
    /// Makes a TAP link and opens it, or opens one that is there and stays without an owner. The link may be moved to another namespace afterwards; it ends
    /// with the last opening, unless it is persistent. Its queueing discipline hands over whole packets: the kernel cuts and checksums before.
    /// </summary>
    /// <param name="ns">Where the link is made or found; null for the calling thread's namespace.</param>
    /// <param name="name">The link's name.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="LinuxException">The name is another kind of link's (EINVAL), the TAP has an owner (EBUSY), the kernel has no TAPs (ENOENT), or the process may not (EPERM).</exception>
    public static PacketPort OpenTap(NetNamespace? ns, string name, TapOptions? options = null)
    {
        InterfaceName.Checked(name);
        options ??= new TapOptions();
        return ns is null ? OpenTapHere(name, options) : ns.Run(() => OpenTapHere(name, options));
    }

    private static PacketPort OpenTapHere(string name, TapOptions options)
    {
        var handle = Libc.Open(TapDevice, Libc.OpenReadWrite | Libc.OpenCloseOnExec | Libc.OpenNonBlock, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError($"open {TapDevice}");
        }

        try
        {
            Libc.InterfaceRequest request = default;
            InterfaceName.Write(name, new Span<byte>(request.Name, 16));
            request.Flags = (short)(FlagTap | FlagNoPacketInformation | (options.MultiQueue ? FlagMultiQueue : 0) | (options.VnetHeader ? FlagVnetHeader : 0));
            if (Libc.Ioctl(handle, SetInterface, &request) != 0)
            {
                throw LinuxException.FromLastError($"open TAP {name}");
            }

            if (Libc.Ioctl(handle, SetPersistent, (void*)(options.Persistent ? 1 : 0)) != 0)
            {
                throw LinuxException.FromLastError($"make TAP {name} {(options.Persistent ? "persistent" : "temporary")}");
            }

            using var socket = Libc.Socket(Libc.FamilyPacket, Libc.SocketRaw | Libc.SocketCloseOnExec, 0);
            if (socket.IsInvalid)
            {
                throw LinuxException.FromLastError($"find TAP {name}");
            }

            return new PacketPort(handle, name, LinkRequest.GetIndex(socket, name), isTap: true, options.VnetHeader ? VnetHeaderLength : 0);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private int ReceiveFromTap(PacketBatch batch)
    {
        var count = 0;
        while (count < batch.Capacity)
        {
            // The header lands in the headroom, right before the frame.
            var start = batch.Slot(count) + batch.Headroom - _header;
            var length = Libc.Read(Handle, start, (nuint)(batch.FrameSize + _header));
            if (length < 0)
            {
                var errno = (Errno)Marshal.GetLastPInvokeError();
                if (errno == Errno.EINTR)
                {
                    continue;
                }

                if (errno is Errno.EAGAIN)
                {
                    break;
                }

                if (!IsLinkError(errno))
                {
                    throw LinuxException.FromLastError($"receive from {Name}");
                }

                _ = RefreshState();
                break;
            }
            // A longer packet was cut off to exactly the room that there is.
            if (length >= batch.FrameSize + _header || length <= _header)
            {
                Add(ref _oversized, 1);
                continue;
            }
            if (_header != 0 && (*start & VnetNeedsChecksum) != 0)
            {
                Add(ref _partialChecksums, 1);
            }

            batch.Place(count++, batch.Headroom, (int)length - _header);
        }
        batch.Count = count;
        if (count > 0)
        {
            _state = PortLinkState.Up;
        }

        Add(ref _received, count);
        GC.KeepAlive(batch);
        return count;
    }

    private int SendAllToTap(Libc.MultiMessage* messages, int count)
    {
        var taken = 0;
        for (var i = 0; i < count; i++)
        {
            var vector = messages[i].Header.Vectors;
            if (WriteToTap((byte*)vector->Base, vector->Length))
            {
                taken++;
            }
        }
        Interlocked.Add(ref _sent, taken);
        if (taken != count)
        {
            Interlocked.Add(ref _sendDropped, count - taken);
        }

        return taken;
    }

    private bool WriteToTap(byte* frame, nuint length)
    {
        // All zero: no checksum to finish, no segments to cut.
        var header = stackalloc byte[VnetHeaderLength];
        Unsafe.InitBlock(header, 0, VnetHeaderLength);
        var vectors = stackalloc Libc.IoVector[2];
        vectors[0] = new Libc.IoVector { Base = header, Length = (nuint)_header };
        vectors[1] = new Libc.IoVector { Base = frame, Length = length };
        while (Libc.WriteVector(Handle, vectors, 2) < 0)
        {
            var errno = (Errno)Marshal.GetLastPInvokeError();
            if (errno == Errno.EINTR)
            {
                continue;
            }

            if (errno == Errno.EBADF)
            {
                throw LinuxException.FromLastError($"send to {Name}");
            }

            if (IsLinkError(errno))
            {
                _ = RefreshState();
            }

            return false;
        }
        return true;
    }

    /// <summary>A TAP knows whether it still is; whether it is up matters to who sends only, and shows as an error there.</summary>
    private PortLinkState GetTapState()
    {
        Libc.InterfaceRequest request = default;
        if (Libc.Ioctl(Handle, GetInterface, &request) == 0)
        {
            return PortLinkState.Up;
        }

        return IsLinkError((Errno)Marshal.GetLastPInvokeError()) ? PortLinkState.Gone : throw LinuxException.FromLastError($"read the state of {Name}");
    }

    private static bool IsLinkError(Errno errno) => errno is Errno.EBADFD or Errno.EIO or Errno.ENODEV or Errno.ENETDOWN or Errno.ENXIO;
}
