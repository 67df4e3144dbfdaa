using System.Net;
using System.Net.Sockets;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>The demo is the first thing a new user runs: it shows what the product does, and cleans up even when interrupted.</summary>
public sealed class DemoTests
{
    private static readonly string Demo = Path.Combine(Repository.Root, "tests/demo/demo");

    // A unique name, so that another demo on this machine does not affect the test.
    private readonly string _name = $"acd{Guid.NewGuid():N}"[..12];

    [Fact]
    public async Task The_demo_succeeds_and_leaves_nothing()
    {
        Needs.Lab();
        var before = await WorldAsync();
        var demo = await Shell.RunAsync(null, Demo, [], environment: Environment(), limit: TimeSpan.FromMinutes(5)).Succeeded();
        Assert.Contains("pod a → pod b", demo.Output);
        Assert.Contains("300 TCP connections", demo.Output);
        Assert.Contains("60 of 60 open connections stay on their backend", demo.Output);
        Assert.Contains("It works", demo.Output);
        Assert.True(demo.Output.Split('\n').Length < 120, "two screenfuls");
        Assert.Equal(before, await WorldAsync());
    }

    [Fact]
    public Task The_demo_shows_pods_with_taps()
    {
        Needs.Lab();
        Needs.Tap();
        return ShowsAsync("tap");
    }

    [Fact]
    public Task The_demo_shows_pods_with_ipvlan()
    {
        Needs.Lab();
        Needs.Ipvlan();
        return ShowsAsync("ipvlan");
    }

    [Fact]
    public async Task The_demo_cleans_up_after_an_interrupt()
    {
        Needs.Lab();
        var before = await WorldAsync();
        // A shell can't trap a signal that was ignored when it started, and a test run in the background ignores SIGINT.
        await using var demo = new BackgroundProcess(null, "setsid", ["--wait", "env", "--default-signal=INT", Demo], Environment());
        await Eventually.TrueAsync(
            () => demo.HasExited
                ? throw new InvalidOperationException(demo.Log)
                : Task.FromResult(demo.Log.Contains("inframanager on the ACC", StringComparison.Ordinal)),
            () => $"the demo is running:\n{demo.Log}", 60);
        // To the whole process group, as a terminal does on Ctrl-C.
        var leader = (await Shell.RunAsync(null, "pgrep", ["-o", "-f", $"bash {Demo}"]).Succeeded()).Output.Trim();
        await Shell.RunAsync(null, "kill", ["-INT", "--", $"-{leader}"]).Succeeded();
        Assert.NotEqual(0, await demo.WaitAsync());
        var after = "";
        await Eventually.TrueAsync(async () => before == (after = await WorldAsync()),
            () => $"nothing is left: expected {before}, found {after}", 60);
    }

    [Fact]
    public async Task A_connection_that_its_backend_closed_counts_as_lost_and_does_not_end_the_client()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = $"{((IPEndPoint)listener.LocalEndpoint).Port}";
        // A test run may start programs with SIGPIPE ignored; a terminal does not.
        var client = Shell.RunAsync(
            null, "env", ["--default-signal=PIPE", Path.Combine(Repository.Root, "tests/demo/client"), "127.0.0.1", port],
            input: "open 2 2\ntalk\ntalk\n");
        using var open = await listener.AcceptTcpClientAsync();
        var stream = open.GetStream();
        await stream.WriteAsync("web-1\n"u8.ToArray());
        var echo = stream.CopyToAsync(stream);
        using (var closed = await listener.AcceptTcpClientAsync())
        {
            await closed.GetStream().WriteAsync("web-2\n"u8.ToArray());
        }

        Assert.Equal("web-1\nweb-2\ndone\n1 of 2\n1 of 2\n", (await client.Succeeded()).Output);
        await echo;
    }

    private async Task ShowsAsync(string kind)
    {
        var before = await WorldAsync();
        var environment = Environment();
        environment["DEVICE"] = kind;
        var demo = await Shell.RunAsync(null, Demo, [], environment: environment, limit: TimeSpan.FromMinutes(5)).Succeeded();
        Assert.Contains($"kind {kind}", demo.Output);
        Assert.Contains("It works", demo.Output);
        Assert.Equal(before, await WorldAsync());
    }

    private Dictionary<string, string> Environment() => new() { ["DEMO_BINARIES"] = Published.Rid, ["DEMO_NAME"] = _name };

    private async Task<string> WorldAsync()
    {
        var namespaces = await Shell.RunLineAsync(null, "ip netns list").Succeeded();
        var links = await Shell.RunLineAsync(null, "ip -o link show").Succeeded();
        var processes = await Shell.RunAsync(null, "pgrep", ["-f", _name]);
        var files = Directory.GetFileSystemEntries(Path.GetTempPath(), $"accoffload-demo.{_name}*").Order();
        // Only links with names that a demo uses: other programs may create links meanwhile.
        var made = links.Output.Split('\n')
            .Where(l => l.Split(' ', '@', ':') is [_, _, "mgmt" or "parent" or "accparent" or "accoffload0", ..]);
        return string.Join('\n', namespaces.Output.Split('\n').Where(n => n.StartsWith(_name, StringComparison.Ordinal)))
            + string.Join('\n', made) + processes.Output + string.Join(',', files);
    }
}
