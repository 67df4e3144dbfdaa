namespace ACCOffload.Integration.Lab;

/// <summary>Waits for a condition, with a limit and a message that says what was waited for.</summary>
internal static class Eventually
{
    public static Task TrueAsync(Func<Task<bool>> condition, string what, int seconds = 60) =>
        TrueAsync(condition, () => what, seconds);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what, int seconds = 60)
    {
        var deadline = DateTime.UtcNow.AddSeconds(seconds);
        while (!await condition())
        {
            if (DateTime.UtcNow > deadline)
            {
                throw new TimeoutException($"not within {seconds} s: {what()}");
            }

            await Task.Delay(50);
        }
    }
}
