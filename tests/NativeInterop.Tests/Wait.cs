using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

internal static class Wait
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Waits until the condition holds; checks it whenever the descriptor is ready.</summary>
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
                throw new TimeoutException($"timed out waiting for {what}");
            }

            epoll.Wait(events, 100);
        }
    }
}
