using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>Interface ioctls (netdevice(7)); a socket of any kind answers them for the namespace it was created in.</summary>
internal static unsafe class LinkRequest
{
    private const nuint SIOCGIFNAME = 0x8910;
    private const nuint SIOCGIFFLAGS = 0x8913;
    private const nuint SIOCGIFINDEX = 0x8933;
    private const short IFF_UP = 1;

    public static int GetIndex(FileDescriptor socket, string name)
    {
        Libc.InterfaceRequest request = default;
        InterfaceName.Write(name, new Span<byte>(request.Name, 16));
        if (Libc.Ioctl(socket, SIOCGIFINDEX, &request) != 0)
        {
            throw LinuxException.FromLastError($"find link {name}");
        }

        return request.Index;
    }

    public static PortLinkState GetState(FileDescriptor socket, int index)
    {
        Libc.InterfaceRequest request = default;
        request.Index = index;
        if (Libc.Ioctl(socket, SIOCGIFNAME, &request) != 0)
        {
            return Failed();
        }

        if (Libc.Ioctl(socket, SIOCGIFFLAGS, &request) != 0)
        {
            return Failed();
        }

        return (request.Flags & IFF_UP) != 0 ? PortLinkState.Up : PortLinkState.Down;

        static PortLinkState Failed() => (Errno)Marshal.GetLastPInvokeError() is Errno.ENODEV or Errno.ENXIO
            ? PortLinkState.Gone
            : throw LinuxException.FromLastError("read a link's state");
    }
}
