using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Waits for many descriptors at once (epoll(7)). Add, Modify and Remove may be called while another thread waits.</summary>
public sealed unsafe class Epoll : IDisposable
{
    private const int MaxEvents = 64;
    private const int OperationAdd = 1;
    private const int OperationDelete = 2;
    private const int OperationModify = 3;

    // struct epoll_event is packed on x86-64 only: 12 bytes there, 16 with the token at 8 elsewhere.
    private static readonly int TokenOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly FileDescriptor _handle;

    /// <summary>Creates an empty set.</summary>
    /// <exception cref="LinuxException">The process is out of descriptors.</exception>
    public Epoll()
    {
        _handle = Libc.EpollCreate(Libc.OpenCloseOnExec);
        if (_handle.IsInvalid)
        {
            throw LinuxException.FromLastError("create an epoll set");
        }
    }

    /// <summary>Starts to watch a descriptor; <paramref name="token"/> comes back with its events.</summary>
    public void Add(SafeHandle descriptor, EpollEvents events, ulong token) => Control(OperationAdd, descriptor, events, token);

    /// <summary>Changes what a descriptor is watched for.</summary>
    public void Modify(SafeHandle descriptor, EpollEvents events, ulong token) => Control(OperationModify, descriptor, events, token);

    /// <summary>Stops to watch a descriptor. Call it before the descriptor is closed.</summary>
    public void Remove(SafeHandle descriptor) => Control(OperationDelete, descriptor, EpollEvents.None, 0);

    /// <summary>Waits until a descriptor is ready or the time is over.</summary>
    /// <param name="events">Receives the ready ones, at most its length and at most 64.</param>
    /// <param name="timeoutMilliseconds">How long to wait; 0 only looks, -1 waits without limit.</param>
    /// <returns>How many are ready; 0 when the time is over or a signal came in between.</returns>
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

            throw LinuxException.FromLastError("wait for packets");
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
