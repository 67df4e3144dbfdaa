using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>The interface ioctls (netdevice(7)) that any socket answers for the namespace it was made in.</summary>
internal static unsafe class LinkRequest
{
    private const nuint GetInterfaceName = 0x8910;
    private const nuint GetInterfaceFlags = 0x8913;
    private const nuint GetInterfaceIndex = 0x8933;
    private const short FlagUp = 1;

    public static int GetIndex(FileDescriptor socket, string name)
    {
        Libc.InterfaceRequest request = default;
        InterfaceName.Write(name, new Span<byte>(request.Name, 16));
        if (Libc.Ioctl(socket, GetInterfaceIndex, &request) != 0)
        {
            throw LinuxException.FromLastError($"find link {name}");
        }

        return request.Index;
    }

    public static PortLinkState GetState(FileDescriptor socket, int index)
    {
        Libc.InterfaceRequest request = default;
        request.Index = index;
        if (Libc.Ioctl(socket, GetInterfaceName, &request) != 0)
        {
            return Failed();
        }

        if (Libc.Ioctl(socket, GetInterfaceFlags, &request) != 0)
        {
            return Failed();
        }

        return (request.Flags & FlagUp) != 0 ? PortLinkState.Up : PortLinkState.Down;

        static PortLinkState Failed() => (Errno)Marshal.GetLastPInvokeError() is Errno.ENODEV or Errno.ENXIO
            ? PortLinkState.Gone
            : throw LinuxException.FromLastError("read a link's state");
    }
}
