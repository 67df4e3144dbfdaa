using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

internal static class Wait
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Waits on a descriptor until the condition, looked at whenever it is ready, holds.</summary>
    public static void For(FileDescriptor descriptor, Func<bool> condition, string what)
    {
        using var epoll = new Epoll();
        epoll.Add(descriptor, EpollEvents.Read, 1);
        var events = new EpollEvent[1];
        var started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > Limit)
            {
                throw new TimeoutException($"waited in vain for {what}");
            }

            epoll.Wait(events, 100);
        }
    }
}
