namespace ACCOffload.TestKit;

/// <summary>Waits for a condition with a time limit; the error message names the condition.</summary>
public static class Eventually
{
    /// <summary>The default time limit.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan MinPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(50);

    /// <exception cref="TimeoutException">The condition was not met in time; the message includes <paramref name="what"/>.</exception>
    public static Task TrueAsync(Func<bool> condition, string what, int seconds = 60) =>
        TrueAsync(() => Task.FromResult(condition()), () => what, seconds);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, int)"/>
    public static Task TrueAsync(Func<bool> condition, Func<string> what, int seconds = 60) =>
        TrueAsync(() => Task.FromResult(condition()), what, seconds);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, int)"/>
    public static Task TrueAsync(Func<Task<bool>> condition, string what, int seconds = 60) => TrueAsync(condition, () => what, seconds);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, int)"/>
    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what, int seconds = 60)
    {
        var started = TimeProvider.System.GetTimestamp();
        for (var pause = MinPause; !await condition(); pause = pause * 2 < MaxPause ? pause * 2 : MaxPause)
        {
            if (TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(seconds))
            {
                throw new TimeoutException($"timed out after {seconds} s: {what()}");
            }

            await Task.Delay(pause);
        }
    }
}
