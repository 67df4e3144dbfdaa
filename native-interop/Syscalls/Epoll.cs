using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Events of a descriptor (epoll(7)). Errors and hang-ups are always reported.</summary>
[Flags]
public enum EpollEvents : uint
{
    /// <summary>Nothing but errors and hang-ups.</summary>
    None = 0,
    /// <summary>There is something to read.</summary>
    Read = 0x001,
    /// <summary>There is room to write.</summary>
    Write = 0x004,
    /// <summary>An error is pending; the next read or write returns it.</summary>
    Error = 0x008,
    /// <summary>The other end was closed.</summary>
    HangUp = 0x010,
    /// <summary>Only changes are reported.</summary>
    EdgeTriggered = 0x8000_0000,
}

/// <summary>One ready descriptor.</summary>
/// <param name="Events">What it is ready for.</param>
/// <param name="Token">The caller's own number for it.</param>
public readonly record struct EpollEvent(EpollEvents Events, ulong Token);

/// <summary>Waits for many descriptors at once (epoll(7)). Add, Modify and Remove may be called while another thread waits.</summary>
public sealed unsafe class Epoll : IDisposable
{
    private const int MaxEvents = 64;
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;

    // struct epoll_event is packed on x86-64 only: 12 bytes there, 16 with the token at 8 elsewhere.
    private static readonly int TokenOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly FileDescriptor _handle;

    /// <summary>Creates an empty set.</summary>
    /// <exception cref="LinuxException">The process is out of descriptors.</exception>
    public Epoll()
    {
        _handle = Libc.EpollCreate(Libc.O_CLOEXEC);
        if (_handle.IsInvalid)
        {
            throw LinuxException.FromLastError("create an epoll set");
        }
    }

    /// <summary>Starts to watch a descriptor; <paramref name="token"/> is returned with its events.</summary>
    public void Add(SafeHandle descriptor, EpollEvents events, ulong token) => Control(EPOLL_CTL_ADD, descriptor, events, token);

    /// <summary>Changes which events of a descriptor are watched.</summary>
    public void Modify(SafeHandle descriptor, EpollEvents events, ulong token) => Control(EPOLL_CTL_MOD, descriptor, events, token);

    /// <summary>Stops watching a descriptor. Call it before the descriptor is closed.</summary>
    public void Remove(SafeHandle descriptor) => Control(EPOLL_CTL_DEL, descriptor, EpollEvents.None, 0);

    /// <summary>Waits until a descriptor is ready or the timeout expires.</summary>
    /// <param name="events">Receives the ready descriptors, at most 64.</param>
    /// <param name="timeoutMilliseconds">How long to wait; 0 to return at once, -1 to wait without limit.</param>
    /// <returns>How many are ready; 0 on timeout or if a signal interrupted the wait.</returns>
    public int Wait(Span<EpollEvent> events, int timeoutMilliseconds)
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Length);
        var stride = TokenOffset + sizeof(ulong);
        var buffer = stackalloc byte[MaxEvents * 16];
        var count = Libc.EpollWait(_handle, buffer, Math.Min(events.Length, MaxEvents), timeoutMilliseconds);
        if (count < 0)
        {
            if ((Errno)Marshal.GetLastPInvokeError() == Errno.EINTR)
            {
                return 0;
            }

            throw LinuxException.FromLastError("wait for events");
        }
        for (var i = 0; i < count; i++)
        {
            var entry = buffer + (i * stride);
            events[i] = new EpollEvent(Unsafe.ReadUnaligned<EpollEvents>(entry), Unsafe.ReadUnaligned<ulong>(entry + TokenOffset));
        }
        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private void Control(int operation, SafeHandle descriptor, EpollEvents events, ulong token)
    {
        var entry = stackalloc byte[16];
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + TokenOffset, token);
        if (Libc.EpollControl(_handle, operation, descriptor, entry) != 0)
        {
            throw LinuxException.FromLastError("change an epoll set");
        }
    }
}
