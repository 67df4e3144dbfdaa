using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Pods;

/// <summary>
/// Handles failures like a kubelet and its runtime: a sandbox whose ADD failed is removed, DEL is retried until it succeeds, and a new
/// sandbox is tried with another container ID.
/// </summary>
internal sealed class FakeRuntime(Lab lab)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(150);
    private int _sandboxes;
    private int _failedAdds;
    private int _failedDels;

    public int FailedAdds => _failedAdds;

    public int FailedDels => _failedDels;

    /// <summary>The reported errors, as "code message".</summary>
    public HashSet<string> Errors { get; } = [];

    /// <summary>Adds a pod in this namespace, in as many sandboxes as necessary.</summary>
    public async Task<Pod> AddAsync(string netns)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var number = Interlocked.Increment(ref _sandboxes);
            var pod = new Pod($"pod-{number}", netns, $"sandbox-{number}");
            var result = await lab.PluginAsync("ADD", pod);
            if (result.ExitCode == 0)
            {
                pod.Result = JsonNode.Parse(result.Output)!;
                return pod;
            }

            Interlocked.Increment(ref _failedAdds);
            var error = Record("ADD", result);
            await DeleteAsync(pod);
            if (clock.Elapsed > Limit)
            {
                throw new TimeoutException($"no ADD succeeded within {Limit.TotalSeconds:0} s; the last failed with {error}");
            }

            await Task.Delay(Pause);
        }
    }

    public async Task DeleteAsync(Pod pod)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var result = await lab.PluginAsync("DEL", pod);
            if (result.ExitCode == 0)
            {
                return;
            }

            Interlocked.Increment(ref _failedDels);
            var error = Record("DEL", result);
            if (clock.Elapsed > Limit)
            {
                throw new TimeoutException($"no DEL succeeded within {Limit.TotalSeconds:0} s; the last failed with {error}");
            }

            await Task.Delay(Pause);
        }
    }

    // Whatever was killed, a failure must be a CNI error object.
    private string Record(string command, ShellResult result)
    {
        var error = JsonNode.Parse(result.Output)
            ?? throw new InvalidOperationException($"{command} failed without an error object: {result}");
        var text = $"{command} {error["code"]!.GetValue<int>()} {(string?)error["msg"]}";
        Assert.DoesNotContain('\n', text);
        lock (Errors)
        {
            Errors.Add(text);
        }

        return $"{text}: {(string?)error["details"]}";
    }
}
