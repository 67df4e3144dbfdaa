using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.HostStub.Tests;

/// <summary>`host-stub agent` and `host-stub status` as processes.</summary>
public sealed class AgentProcessTests(ITestOutputHelper console)
{
    private static string Program => Programs.HostStub;

    [Fact]
    public async Task It_notifies_systemd_follows_log_levels_reports_its_status_and_exits_cleanly()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        notify.Bind(new UnixDomainSocketEndPoint(lab.At("notify.sock")));
        var start = new ProcessStartInfo(Program, ["agent", "--config", lab.ConfigFile])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["NOTIFY_SOCKET"] = lab.At("notify.sock");
        start.Environment["WATCHDOG_USEC"] = "200000";
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        using var ending = new Ending(process, () => console.WriteLine(Output()));
        process.OutputDataReceived += Collect;
        process.ErrorDataReceived += Collect;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        void Collect(object sender, DataReceivedEventArgs e)
        {
            lock (output)
            {
                output.AppendLine(e.Data);
            }
        }

        string Output()
        {
            lock (output)
            {
                return output.ToString();
            }
        }

        bool Said(string text) => Output().Contains(text, StringComparison.Ordinal);

        await ReceiveAsync(notify, "READY=1");
        await ReceiveAsync(notify, "WATCHDOG=1");
        await ReceiveAsync(notify, "WATCHDOG=1");
        await Eventually.TrueAsync(() => Said("Synchronized with the ACC"), "the agent logs its Sync");
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();

        var (exit, text, _) = await Shell.RunAsync(null, Program, ["status", "--socket", lab.Socket]);
        Assert.True(
            exit == 0 && text.Contains("10.244.1.2", StringComparison.Ordinal) && text.Contains("default/web-0", StringComparison.Ordinal),
            text);
        (exit, text, _) = await Shell.RunAsync(null, Program, ["status", "--json", "--socket", lab.Socket]);
        var status = JsonNode.Parse(text)!;
        Assert.True(exit == 0 && status["acc"]!["ready"]!.GetValue<bool>());
        Assert.Equal(
            "attached",
            status["attachments"]!.AsArray()
                .Single(a => a!["containerId"]!.GetValue<string>() == pod.ContainerId)!["state"]!.GetValue<string>());

        Assert.False(Said("DEL of"));
        lab.Config["Logging"] = new JsonObject { ["Features"] = new JsonObject { ["Cni"] = "Debug" } };
        lab.WriteConfig();
        await Eventually.TrueAsync(() => Said("the log levels are in force"), "the new levels are read");
        (await lab.RunAsync("DEL", pod)).Succeeded();
        await Eventually.TrueAsync(() => Said("DEL of"), "the debug line is there");

        var id = process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        lab.Config["Mtu"] = 1;
        lab.WriteConfig();
        await Shell.RunAsync(null, "kill", ["-HUP", id]);
        await Eventually.TrueAsync(() => Said("the previous one stays in force"), "the error is logged, and the agent continues");
        (await lab.RunAsync("DEL", pod)).Succeeded();
        await Shell.RunAsync(null, "kill", ["-TERM", id]);
        await ReceiveAsync(notify, "STOPPING=1");
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, process.ExitCode);
        Assert.False(File.Exists(lab.Socket));
    }

    [Fact]
    public async Task A_bad_configuration_makes_it_exit_with_one_line_for_each_problem()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "{\"Mtu\":1}");
        var (exit, output, error) = await Shell.RunAsync(null, Program, ["agent", "--config", file]);
        File.Delete(file);
        Assert.Equal(78, exit);
        Assert.Equal("", output);
        var lines = error.TrimEnd().Split('\n');
        Assert.All(lines, line => Assert.StartsWith($"host-stub: {file}: ", line, StringComparison.Ordinal));
        Assert.Equal(
            ["Acc:Address", "HostInterface:Addresses", "Mtu"],
            lines.Select(line => line.Split(": ")[2].Split(' ')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Prepare_without_the_privilege_exits_with_one_line()
    {
        Needs.Root();
        var name = $"acct-{Guid.NewGuid():N}";
        var file = Path.GetTempFileName();
        File.WriteAllText(file, HostStubJson.Create("https://127.0.0.1:1").WithPorts(name).ToJsonString());
        try
        {
            var (exit, output, error) = await Shell.RunAsync(
                null, "setpriv", ["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", Program, "prepare", "--config", file]);
            Assert.Equal((1, ""), (exit, output));
            Assert.Matches("^host-stub: [^\n]*EPERM[^\n]*; run it as root\n$", error);
        }
        finally
        {
            File.Delete(file);
            File.Delete($"/run/netns/{name}");
        }
    }

    [Fact]
    public async Task Status_without_an_agent_exits_with_2()
    {
        var (exit, _, error) = await Shell.RunAsync(null, Program, ["status", "--socket", "/run/there-is-none.sock"]);
        Assert.Equal(2, exit);
        Assert.Contains("is it running?", error, StringComparison.Ordinal);
    }

    // Kills the process if it still runs, and shows its output if the test fails.
    private sealed class Ending(Process process, Action show) : IDisposable
    {
        public void Dispose()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            show();
        }
    }

    private static async Task ReceiveAsync(Socket socket, string expected)
    {
        var buffer = new byte[1024];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, limit.Token);
            if (Encoding.UTF8.GetString(buffer, 0, length).Contains(expected, StringComparison.Ordinal))
            {
                return;
            }
        }
    }
}
