using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>A descriptor with which one thread wakes another from <see cref="Epoll.Wait"/> (eventfd(2)).</summary>
public sealed unsafe class EventFd : IDisposable
{
    /// <summary>Creates the descriptor, not signalled.</summary>
    /// <exception cref="LinuxException">The process is out of descriptors.</exception>
    public EventFd()
    {
        Handle = Libc.EventFd(0, Libc.O_CLOEXEC | Libc.O_NONBLOCK);
        if (Handle.IsInvalid)
        {
            throw LinuxException.FromLastError("create an event descriptor");
        }
    }

    /// <summary>The descriptor to watch for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Makes it readable until <see cref="Drain"/>. Thread-safe.</summary>
    public void Signal()
    {
        ulong one = 1;
        // EAGAIN means that the counter is full, so it is already signalled.
        if (Libc.Write(Handle, &one, sizeof(ulong)) < 0 && (Errno)Marshal.GetLastPInvokeError() is not (Errno.EAGAIN or Errno.EINTR))
        {
            throw LinuxException.FromLastError("signal an event descriptor");
        }
    }

    /// <summary>Clears the signal.</summary>
    /// <returns>True if it was signalled.</returns>
    public bool Drain()
    {
        ulong count;
        return Libc.Read(Handle, &count, sizeof(ulong)) == sizeof(ulong);
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
