namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>What a descriptor waits for, or is ready for (epoll(7)). Errors and hang-ups are always reported.</summary>
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
    /// <summary>The other side is gone.</summary>
    HangUp = 0x010,
    /// <summary>Only changes are reported.</summary>
    EdgeTriggered = 0x8000_0000,
}

/// <summary>One ready descriptor.</summary>
/// <param name="Events">What it is ready for.</param>
/// <param name="Token">The caller's own number for it.</param>
public readonly record struct EpollEvent(EpollEvents Events, ulong Token);
