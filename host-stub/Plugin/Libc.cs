using System.Runtime.InteropServices;

namespace ACCOffload.HostStub.Plugin;

/// <summary>
/// The system calls that the plugin needs. They are called directly because loading .NET's Console and Socket classes takes longer than
/// everything else the plugin does.
/// </summary>
internal static unsafe partial class Libc
{
    public const int Unix = 1;
    public const int StreamCloseOnExec = 1 | 0x80000;
    public const int SocketLevel = 1;
    public const int ReceiveTimeout = 20;
    public const int SendTimeout = 21;
    public const int NoSignal = 0x4000;
    public const short PollIn = 1;

    public const int Interrupted = 4;
    public const int TryAgain = 11;
    public const int NotFound = 2;
    public const int Refused = 111;

    // include/uapi/asm-generic/fcntl.h
    private const int O_DIRECTORY = 0x10000;
    private const int O_NOFOLLOW = 0x20000;
    private const int O_CLOEXEC = 0x80000;

    // arch/arm64/include/uapi/asm/fcntl.h, which has its own numbers for these two
    private const int O_DIRECTORY_ARM64 = 0x4000;
    private const int O_NOFOLLOW_ARM64 = 0x8000;

    /// <summary>Flags of <see cref="Open"/> for an existing directory that is not a link.</summary>
    public static int OpenDirectoryOnly => O_CLOEXEC | (RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => O_DIRECTORY | O_NOFOLLOW,
        Architecture.Arm64 => O_DIRECTORY_ARM64 | O_NOFOLLOW_ARM64,
        var other => throw new PlatformNotSupportedException($"the flags of open are not known on {other}"),
    });

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Fsync(int fd);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(int fd, UnixAddress* address, uint length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int fd, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(int fd, int level, int name, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollEntry* entries, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollEntry
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct UnixAddress
    {
        public ushort Family;
        public fixed byte Path[108];
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct TimeValue
    {
        public nint Seconds;
        public nint Microseconds;
    }
}
