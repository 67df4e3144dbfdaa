using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <content>A TAP instead of a packet socket: what the host sends through the link is received here.</content>
public sealed unsafe partial class PacketPort
{
    private const string TapDevice = "/dev/net/tun";
    private const nuint TUNSETIFF = 0x400454ca;
    private const nuint TUNSETPERSIST = 0x400454cb;
    private const nuint TUNGETIFF = 0x800454d2;
    private const short IFF_TAP = 0x0002;
    private const short IFF_MULTI_QUEUE = 0x0100;
    private const short IFF_NO_PI = 0x1000;
    private const short IFF_VNET_HDR = 0x4000;

    /// <summary>Length of struct virtio_net_hdr without merged buffers, the default of a TAP.</summary>
    private const int VnetHeaderLength = 10;
    private const byte VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;

    private readonly bool _isTap;
    private readonly int _header;

    /// <summary>
    /// Creates and opens a TAP link, or opens an existing persistent one that is not in use. The link may be moved to another namespace
    /// afterwards; unless persistent, it disappears when it is closed for the last time. No offloads are negotiated: the kernel segments
    /// and checksums packets before it passes them on.
    /// </summary>
    /// <param name="ns">The link's namespace; null for the calling thread's.</param>
    /// <param name="name">The link's name.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="LinuxException">
    /// A link of another kind has the name (EINVAL), the TAP is in use (EBUSY), the kernel does not support TAPs (ENOENT), or the process
    /// lacks the privilege (EPERM).
    /// </exception>
    public static PacketPort OpenTap(NetNamespace? ns, string name, TapOptions? options = null)
    {
        InterfaceName.Checked(name);
        options ??= new TapOptions();
        return ns is null ? OpenTapHere(name, options) : ns.Run(() => OpenTapHere(name, options));
    }

    private static PacketPort OpenTapHere(string name, TapOptions options)
    {
        var handle = Libc.Open(TapDevice, Libc.O_RDWR | Libc.O_CLOEXEC | Libc.O_NONBLOCK, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError($"open {TapDevice}");
        }

        try
        {
            Libc.InterfaceRequest request = default;
            InterfaceName.Write(name, new Span<byte>(request.Name, 16));
            request.Flags = (short)(
                IFF_TAP | IFF_NO_PI | (options.MultiQueue ? IFF_MULTI_QUEUE : 0) | (options.VnetHeader ? IFF_VNET_HDR : 0));
            if (Libc.Ioctl(handle, TUNSETIFF, &request) != 0)
            {
                throw LinuxException.FromLastError($"open TAP {name}");
            }

            if (Libc.Ioctl(handle, TUNSETPERSIST, (void*)(options.Persistent ? 1 : 0)) != 0)
            {
                throw LinuxException.FromLastError($"make TAP {name} {(options.Persistent ? "persistent" : "temporary")}");
            }

            using var socket = Libc.Socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
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
            // The header goes into the headroom, right before the frame.
            var start = batch.Slot(count) + batch.Headroom - _header;
            var length = Libc.Read(Handle, start, (nuint)(_header + batch.FrameSize + 1));
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
            // A longer packet was truncated.
            if (length > _header + batch.FrameSize || length <= _header)
            {
                Add(ref _oversized, 1);
                continue;
            }
            if (_header != 0 && (*start & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
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
        // All zero: no checksum to complete, no segmentation.
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

    /// <summary>Checks only whether the TAP still exists; if it is down, sending fails.</summary>
    private PortLinkState GetTapState()
    {
        Libc.InterfaceRequest request = default;
        if (Libc.Ioctl(Handle, TUNGETIFF, &request) == 0)
        {
            return PortLinkState.Up;
        }

        return IsLinkError((Errno)Marshal.GetLastPInvokeError()) ? PortLinkState.Gone
            : throw LinuxException.FromLastError($"read the state of {Name}");
    }

    private static bool IsLinkError(Errno errno) => errno is Errno.EBADFD or Errno.EIO or Errno.ENODEV or Errno.ENETDOWN or Errno.ENXIO;
}
