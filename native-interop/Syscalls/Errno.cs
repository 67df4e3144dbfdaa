namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Linux error numbers that the library distinguishes (asm-generic/errno.h; the same on x64 and arm64).</summary>
public enum Errno
{
    /// <summary>No error.</summary>
    None = 0,
    /// <summary>Operation not permitted.</summary>
    EPERM = 1,
    /// <summary>No such file or directory; no such generic netlink family, routing rule or routing table.</summary>
    ENOENT = 2,
    /// <summary>No such process; rtnetlink's answer if a route to delete does not exist.</summary>
    ESRCH = 3,
    /// <summary>Interrupted.</summary>
    EINTR = 4,
    /// <summary>Input/output error.</summary>
    EIO = 5,
    /// <summary>No such device or address.</summary>
    ENXIO = 6,
    /// <summary>Bad file descriptor.</summary>
    EBADF = 9,
    /// <summary>Try again.</summary>
    EAGAIN = 11,
    /// <summary>Out of memory.</summary>
    ENOMEM = 12,
    /// <summary>Permission denied.</summary>
    EACCES = 13,
    /// <summary>Device or resource busy.</summary>
    EBUSY = 16,
    /// <summary>File exists: the object already exists.</summary>
    EEXIST = 17,
    /// <summary>No such device.</summary>
    ENODEV = 19,
    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,
    /// <summary>Invalid argument.</summary>
    EINVAL = 22,
    /// <summary>Too many open files.</summary>
    EMFILE = 24,
    /// <summary>Not a typewriter: the ioctl does not fit the file.</summary>
    ENOTTY = 25,
    /// <summary>No space left: all objects of a kind are used up.</summary>
    ENOSPC = 28,
    /// <summary>Result out of range.</summary>
    ERANGE = 34,
    /// <summary>Bad message: the kernel's answer is malformed.</summary>
    EBADMSG = 74,
    /// <summary>Bad descriptor state: the TAP behind it is gone.</summary>
    EBADFD = 77,
    /// <summary>Message too long.</summary>
    EMSGSIZE = 90,
    /// <summary>Protocol option not available.</summary>
    ENOPROTOOPT = 92,
    /// <summary>Operation not supported.</summary>
    EOPNOTSUPP = 95,
    /// <summary>Address family not supported.</summary>
    EAFNOSUPPORT = 97,
    /// <summary>Address in use.</summary>
    EADDRINUSE = 98,
    /// <summary>Address not available; rtnetlink's answer if an address to delete does not exist.</summary>
    EADDRNOTAVAIL = 99,
    /// <summary>The network is down.</summary>
    ENETDOWN = 100,
    /// <summary>The network is unreachable.</summary>
    ENETUNREACH = 101,
    /// <summary>No buffer space: messages were lost.</summary>
    ENOBUFS = 105,
    /// <summary>Timed out.</summary>
    ETIMEDOUT = 110,
    /// <summary>Operation canceled.</summary>
    ECANCELED = 125,
}
