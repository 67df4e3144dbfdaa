using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

internal static unsafe partial class Libc
{
    public const int FamilyInet = 2;
    public const int FamilyInet6 = 10;
    public const int FamilyNetlink = 16;
    public const int FamilyPacket = 17;
    public const int SocketDatagram = 2;
    public const int SocketRaw = 3;
    public const int SocketNonBlock = 0x800;
    public const int SocketCloseOnExec = 0x80000;
    public const int LevelSocket = 1;
    public const int LevelPacket = 263;
    public const int LevelNetlink = 270;
    public const int OptionReceiveBuffer = 8;
    public const int OptionSendBuffer = 7;
    public const int OptionSendBufferForce = 32;
    public const int OptionReceiveBufferForce = 33;
    public const int OptionSocketError = 4;
    public const int MessageDontWait = 0x40;
    public const int MessageTruncated = 0x20;
    public const short PollIn = 1;

    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true)]
    private static partial int SocketInt(int family, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(FileDescriptor fd, void* address, uint length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetSocketName(FileDescriptor fd, void* address, uint* length);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(FileDescriptor fd, int level, int option, void* value, uint length);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSocketOption(FileDescriptor fd, int level, int option, void* value, uint* length);

    [LibraryImport(Library, EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(FileDescriptor fd, void* buffer, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "recvfrom", SetLastError = true)]
    public static partial nint ReceiveFrom(FileDescriptor fd, void* buffer, nuint length, int flags, void* address, uint* addressLength);

    [LibraryImport(Library, EntryPoint = "recvmmsg", SetLastError = true)]
    public static partial int ReceiveMany(FileDescriptor fd, MultiMessage* messages, uint count, int flags, void* timeout);

    [LibraryImport(Library, EntryPoint = "sendmmsg", SetLastError = true)]
    public static partial int SendMany(FileDescriptor fd, MultiMessage* messages, uint count, int flags);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    public static FileDescriptor Socket(int family, int type, int protocol) => new(SocketInt(family, type, protocol));

    public static bool TrySetSocketOption(FileDescriptor fd, int level, int option, int value) =>
        SetSocketOption(fd, level, option, &value, sizeof(int)) == 0;

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short ReturnedEvents;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr as glibc lays it out on 64-bit machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct mmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MultiMessage
    {
        public MessageHeader Header;
        public uint Length;
    }

    /// <summary>struct sockaddr_nl.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct NetlinkAddress
    {
        public ushort Family;
        public ushort Padding;
        public uint PortId;
        public uint Groups;
    }

    /// <summary>struct sockaddr_ll; the protocol is in network byte order.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct LinkLayerAddress
    {
        public ushort Family;
        public ushort Protocol;
        public int InterfaceIndex;
        public ushort HardwareType;
        public byte PacketType;
        public byte AddressLength;
        public ulong Address;
    }

    /// <summary>struct packet_mreq.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PacketMembership
    {
        public int InterfaceIndex;
        public ushort Type;
        public ushort AddressLength;
        public ulong Address;
    }

    /// <summary>struct ifreq: the name and the 24 bytes that are a union.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    public struct InterfaceRequest
    {
        [FieldOffset(0)]
        public fixed byte Name[16];
        [FieldOffset(16)]
        public int Index;
        [FieldOffset(16)]
        public short Flags;
        [FieldOffset(16)]
        public void* Data;
    }
}
