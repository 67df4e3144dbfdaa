using System.Text.RegularExpressions;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Crash.Pods;

/// <summary>A pod that pings another one all the time.</summary>
internal sealed partial class Pinging(Pod from, Pod to) : IAsyncDisposable
{
    private readonly BackgroundProcess _ping = new(from.Namespace, "ping", ["-n", "-i", "0.02", "-W", "2", to.Address]);

    /// <summary>Stops; how many packets were sent up to the last that was answered, and how many of these were not. What is under way now does not count.</summary>
    public async Task<(int Sent, int Lost)> StopAsync()
    {
        await Shell.RunAsync(null, "kill", ["-INT", $"{_ping.Id}"]).Succeeded();
        await _ping.WaitAsync();
        var answered = Answers().Matches(_ping.Log).Select(m => int.Parse(m.Groups[1].Value)).ToHashSet();
        if (answered.Count == 0)
        {
            throw new InvalidOperationException($"not one answer:\n{_ping.Log}");
        }

        return (answered.Max(), answered.Max() - answered.Count);
    }

    public ValueTask DisposeAsync() => _ping.DisposeAsync();

    [GeneratedRegex(@"bytes from .* icmp_seq=(\d+) ")]
    private static partial Regex Answers();
}
