using System.Text.RegularExpressions;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Pods;

/// <summary>Pings from one pod to another continuously.</summary>
internal sealed partial class ContinuousPing(Pod from, Pod to) : IAsyncDisposable
{
    private readonly BackgroundProcess _ping = new(from.Namespace, "ping", ["-n", "-i", "0.02", "-W", "2", to.Address]);

    /// <summary>Stops and returns how many packets were sent up to the last answered one, and how many of these were lost. Packets in
    /// flight do not count.</summary>
    public async Task<(int Sent, int Lost)> StopAsync()
    {
        await Shell.RunAsync(null, "kill", ["-INT", $"{_ping.Id}"]).Succeeded();
        await _ping.WaitAsync();
        var answered = Answers().Matches(_ping.Log).Select(m => int.Parse(m.Groups[1].Value)).ToHashSet();
        if (answered.Count == 0)
        {
            throw new InvalidOperationException($"no reply was received:\n{_ping.Log}");
        }

        return (answered.Max(), answered.Max() - answered.Count);
    }

    public ValueTask DisposeAsync() => _ping.DisposeAsync();

    [GeneratedRegex(@"bytes from .* icmp_seq=(\d+) ")]
    private static partial Regex Answers();
}
