using System.Diagnostics;

namespace ACCOffload.HostStub.Tests;

/// <summary>Waits for a condition instead of a fixed time.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(condition, () => what);

    public static async Task TrueAsync(Func<bool> condition, Func<string> what)
    {
        var started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(
                Stopwatch.GetElapsedTime(started) < Limit, $"did not happen: {(Stopwatch.GetElapsedTime(started) < Limit ? "" : what())}");
            await Task.Delay(10);
        }
    }
}
