using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>A netlink socket (netlink(7)) of the namespace it was opened in.</summary>
internal sealed unsafe class NetlinkSocket : INetlinkSubscription
{
    private const int ProtocolRoute = 0;
    private const int ProtocolGeneric = 16;
    private const int OptionAddMembership = 1;
    private const int OptionCapAck = 10;
    private const int OptionExtAck = 11;
    private const int OptionStrictCheck = 12;
    private const uint GroupLink = 1;

    private NetlinkSocket(FileDescriptor handle) => Handle = handle;

    public FileDescriptor Handle { get; }

    public uint PortId { get; private set; }

    public static NetlinkSocket OpenRoute() => Open(ProtocolRoute, "open a route netlink socket");

    public static NetlinkSocket OpenGeneric() => Open(ProtocolGeneric, "open a generic netlink socket");

    public static NetlinkSocket OpenLinkGroup() => OpenGroup(ProtocolRoute, GroupLink, "subscribe to link changes");

    /// <summary>Subscribes to a group that a generic netlink family said it has.</summary>
    public static NetlinkSocket OpenGenericGroup(uint group, string operation) => OpenGroup(ProtocolGeneric, group, operation);

    public void Send(ReadOnlySpan<byte> datagram, string operation)
    {
        while (true)
        {
            nint sent;
            fixed (byte* bytes = datagram)
            {
                sent = Libc.Send(Handle, bytes, (nuint)datagram.Length, 0);
            }

            if (sent == datagram.Length)
            {
                return;
            }

            var errno = sent < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.EIO;
            if (errno != Errno.EINTR)
            {
                throw new NetlinkException(operation, errno);
            }
        }
    }

    public Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length)
    {
        length = 0;
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var address = default(Libc.NetlinkAddress);
            var addressLength = (uint)sizeof(Libc.NetlinkAddress);
            nint received;
            fixed (byte* bytes = buffer)
            {
                received = Libc.ReceiveFrom(Handle, bytes, (nuint)buffer.Length, Libc.MessageDontWait | Libc.MessageTruncated, &address, &addressLength);
            }
            // Another process may send to our address too: only the kernel's port 0 is believed.
            if (received >= 0 && address.PortId == 0)
            {
                length = (int)Math.Min(received, int.MaxValue);
                return Errno.None;
            }
            var errno = received >= 0 ? Errno.EINTR : (Errno)Marshal.GetLastPInvokeError();
            if (errno is not (Errno.EAGAIN or Errno.EINTR))
            {
                return errno;
            }

            var left = timeout - TimeProvider.System.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return Errno.EAGAIN;
            }

            if (errno == Errno.EAGAIN)
            {
                Wait(left);
            }
        }
    }

    public void Dispose() => Handle.Dispose();

    private static NetlinkSocket OpenGroup(int protocol, uint group, string operation)
    {
        var socket = Open(protocol, operation);
        // A burst of changes on a large node must not overrun the socket.
        if (!Libc.TrySetSocketOption(socket.Handle, Libc.LevelSocket, Libc.OptionReceiveBufferForce, 4 << 20))
        {
            _ = Libc.TrySetSocketOption(socket.Handle, Libc.LevelSocket, Libc.OptionReceiveBuffer, 4 << 20);
        }

        if (Libc.TrySetSocketOption(socket.Handle, Libc.LevelNetlink, OptionAddMembership, (int)group))
        {
            return socket;
        }

        var error = LinuxException.FromLastError(operation);
        socket.Dispose();
        throw error;
    }

    private static NetlinkSocket Open(int protocol, string operation)
    {
        var handle = Libc.Socket(Libc.FamilyNetlink, Libc.SocketRaw | Libc.SocketCloseOnExec, protocol);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError(operation);
        }

        try
        {
            // Since Linux 4.12: errors carry words and leave the request out. Strict checks since 4.20 let the kernel filter dumps.
            if (!Libc.TrySetSocketOption(handle, Libc.LevelNetlink, OptionExtAck, 1) || !Libc.TrySetSocketOption(handle, Libc.LevelNetlink, OptionCapAck, 1))
            {
                throw LinuxException.FromLastError(operation);
            }

            if (protocol == ProtocolRoute)
            {
                _ = Libc.TrySetSocketOption(handle, Libc.LevelNetlink, OptionStrictCheck, 1);
            }

            var address = new Libc.NetlinkAddress { Family = Libc.FamilyNetlink };
            var length = (uint)sizeof(Libc.NetlinkAddress);
            if (Libc.Bind(handle, &address, length) != 0 || Libc.GetSocketName(handle, &address, &length) != 0)
            {
                throw LinuxException.FromLastError(operation);
            }

            return new NetlinkSocket(handle) { PortId = address.PortId };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    // Any outcome is good: the caller looks again, and watches the time.
    private void Wait(TimeSpan left)
    {
        var added = false;
        try
        {
            Handle.DangerousAddRef(ref added);
            var poll = new Libc.PollDescriptor { Descriptor = (int)Handle.DangerousGetHandle(), Events = Libc.PollIn };
            _ = Libc.Poll(&poll, 1, (int)Math.Clamp(Math.Ceiling(left.TotalMilliseconds), 1, int.MaxValue));
        }
        finally
        {
            if (added)
            {
                Handle.DangerousRelease();
            }
        }
    }
}
