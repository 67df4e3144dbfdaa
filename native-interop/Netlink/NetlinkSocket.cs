using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>A netlink socket (netlink(7)) of the namespace it was opened in.</summary>
internal sealed unsafe class NetlinkSocket : INetlinkSubscription
{
    private const int NETLINK_ROUTE = 0;
    private const int NETLINK_GENERIC = 16;
    private const int NETLINK_ADD_MEMBERSHIP = 1;
    private const int NETLINK_CAP_ACK = 10;
    private const int NETLINK_EXT_ACK = 11;
    private const int NETLINK_GET_STRICT_CHK = 12;
    private const uint RTNLGRP_LINK = 1;
    private const uint RTNLGRP_NEIGH = 3;
    private const uint RTNLGRP_IPV4_IFADDR = 5;
    private const uint RTNLGRP_IPV4_ROUTE = 7;
    private const uint RTNLGRP_IPV6_IFADDR = 9;
    private const uint RTNLGRP_IPV6_ROUTE = 11;

    private NetlinkSocket(FileDescriptor handle) => Handle = handle;

    public FileDescriptor Handle { get; }

    public uint PortId { get; private set; }

    public static NetlinkSocket OpenRoute() => Open(NETLINK_ROUTE, "open a route netlink socket");

    public static NetlinkSocket OpenGeneric() => Open(NETLINK_GENERIC, "open a generic netlink socket");

    public static NetlinkSocket OpenLinkGroup() => OpenGroups(NETLINK_ROUTE, "subscribe to link events", RTNLGRP_LINK);

    public static NetlinkSocket OpenNeighborGroup() => OpenGroups(NETLINK_ROUTE, "subscribe to neighbour events", RTNLGRP_NEIGH);

    /// <summary>Subscribes to links, addresses and routes.</summary>
    public static NetlinkSocket OpenConfigurationGroups() => OpenGroups(
        NETLINK_ROUTE, "subscribe to network changes", RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE);

    /// <summary>Subscribes to a multicast group of a generic netlink family.</summary>
    public static NetlinkSocket OpenGenericGroup(uint group, string operation) => OpenGroups(NETLINK_GENERIC, operation, group);

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
                received = Libc.ReceiveFrom(
                    Handle, bytes, (nuint)buffer.Length, Libc.MSG_DONTWAIT | Libc.MSG_TRUNC, &address, &addressLength);
            }
            // Other processes can send to our address too: accept datagrams from the kernel (port 0) only.
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

    private static NetlinkSocket OpenGroups(int protocol, string operation, params ReadOnlySpan<uint> groups)
    {
        var socket = Open(protocol, operation);
        // A burst of changes on a large node must not overrun the socket.
        if (!Libc.TrySetSocketOption(socket.Handle, Libc.SOL_SOCKET, Libc.SO_RCVBUFFORCE, 4 << 20))
        {
            _ = Libc.TrySetSocketOption(socket.Handle, Libc.SOL_SOCKET, Libc.SO_RCVBUF, 4 << 20);
        }

        foreach (var group in groups)
        {
            if (!Libc.TrySetSocketOption(socket.Handle, Libc.SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, (int)group))
            {
                var error = LinuxException.FromLastError(operation);
                socket.Dispose();
                throw error;
            }
        }

        return socket;
    }

    private static NetlinkSocket Open(int protocol, string operation)
    {
        var handle = Libc.Socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, protocol);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError(operation);
        }

        try
        {
            // Since Linux 4.12, errors carry a message and omit the request. Since 4.20, strict checking lets the kernel filter dumps.
            if (!Libc.TrySetSocketOption(handle, Libc.SOL_NETLINK, NETLINK_EXT_ACK, 1)
                || !Libc.TrySetSocketOption(handle, Libc.SOL_NETLINK, NETLINK_CAP_ACK, 1))
            {
                throw LinuxException.FromLastError(operation);
            }

            if (protocol == NETLINK_ROUTE)
            {
                _ = Libc.TrySetSocketOption(handle, Libc.SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
            }

            var address = new Libc.NetlinkAddress { Family = Libc.AF_NETLINK };
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

    // Any result will do: the caller checks again and tracks the timeout.
    private void Wait(TimeSpan left)
    {
        var added = false;
        try
        {
            Handle.DangerousAddRef(ref added);
            var poll = new Libc.PollDescriptor { Descriptor = (int)Handle.DangerousGetHandle(), Events = Libc.POLLIN };
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
