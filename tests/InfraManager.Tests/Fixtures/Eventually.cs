namespace ACCOffload.InfraManager.Tests.Fixtures;

internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static Task TrueAsync(Func<bool> condition, Func<string> what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static Task TrueAsync(Func<Task<bool>> condition, string what) => TrueAsync(condition, () => what);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > Limit)
            {
                throw new TimeoutException($"not within {Limit.TotalSeconds:0} s: {what()}");
            }

            await Task.Delay(10);
        }
    }
}
