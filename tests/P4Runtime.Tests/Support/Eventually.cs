namespace ACCOffload.P4Runtime.Tests;

/// <summary>Waits for conditions that other threads fulfil.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            if (limit.IsCancellationRequested)
            {
                Assert.Fail($"within {Limit.TotalSeconds} s this did not happen: {what}");
            }

            await Task.Delay(5, CancellationToken.None);
        }
    }
}
