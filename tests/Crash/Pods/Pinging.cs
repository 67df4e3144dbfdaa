using System.Text.RegularExpressions;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Pods;

/// <summary>A pod that pings another one all the time.</summary>
internal sealed partial class Pinging(Pod from, Pod to) : IAsyncDisposable
{
    private readonly BackgroundProcess _ping = new(from.Namespace, "ping", ["-n", "-i", "0.02", "-W", "2", to.Address]);

    /// <summary>Stops; what was sent, and how much of it was never answered.</summary>
    public async Task<(int Sent, int Lost)> StopAsync()
    {
        await Shell.RunAsync(null, "kill", ["-INT", $"{_ping.Id}"]).Succeeded();
        await _ping.WaitAsync();
        var count = Counts().Match(_ping.Log);
        if (!count.Success)
            throw new InvalidOperationException($"ping without its summary:\n{_ping.Log}");
        return (int.Parse(count.Groups[1].Value), int.Parse(count.Groups[1].Value) - int.Parse(count.Groups[2].Value));
    }

    public ValueTask DisposeAsync() => _ping.DisposeAsync();

    [GeneratedRegex(@"(\d+) packets transmitted, (\d+) received")]
    private static partial Regex Counts();
}
