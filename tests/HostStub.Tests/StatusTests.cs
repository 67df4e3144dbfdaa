using System.Net.Sockets;
using System.Text;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests;

public sealed class StatusTests
{
    [Fact]
    public async Task Status_stays_good_while_the_ACC_reboots_and_is_50_if_it_stays_unreachable()
    {
        Needs.Root();
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Time = time);
        await lab.Acc.StopAsync();
        await Eventually.TrueAsync(() => !lab.Agent!.Services.Acc.State.Synced, "the agent detects that the ACC is unreachable");

        (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Succeeded();
        time.Skip(TimeSpan.FromSeconds(179));
        (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Succeeded();
        time.Skip(TimeSpan.FromSeconds(10));
        (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Failed(50);

        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Synced, "the agent connects again");
        (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Succeeded();
    }

    [Fact]
    public async Task An_unreachable_target_counts_as_well()
    {
        Needs.Root();
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            l.Time = time;
            l.Acc.Model.Ready = false;
        });

        var answer = (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Failed(50);

        Assert.Contains("the target is unavailable", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_condition_that_prevents_no_Add_is_shown_but_STATUS_stays_good()
    {
        Needs.Root();
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            l.Time = time;
            l.Acc.Model.Conditions = [new Protos.V1.Condition { Name = "Watch", Reason = "the watch is interrupted" }];
        });
        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Synced, "the agent connects");
        time.Skip(TimeSpan.FromHours(1));

        (await Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")))).Succeeded();
        var watch = Assert.Single(lab.Agent!.Services.Acc.State.Conditions, c => !c.Ok);
        Assert.Equal(("Watch", "the watch is interrupted"), (watch.Name, watch.Reason));
    }

    [Theory]
    [InlineData("directory")]
    [InlineData("link")]
    public async Task A_missing_port_namespace_is_50_after_the_grace_time_until_it_is_back(string instead)
    {
        Needs.Root();
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Time = time);
        var path = NetNamespace.NamedPath(lab.DataPlane);
        NetNamespace.DeleteNamed(lab.DataPlane);
        // Outside its sandbox the agent creates a missing namespace, but it can replace neither of these. A link to itself appears to
        // exist.
        if (instead == "link")
        {
            File.CreateSymbolicLink(path, path);
        }
        else
        {
            Directory.CreateDirectory(path);
        }

        try
        {
            (await StatusAsync()).Succeeded();
            time.Skip(TimeSpan.FromSeconds(90));
            (await StatusAsync()).Succeeded();
            time.Skip(TimeSpan.FromSeconds(100));
            var answer = (await StatusAsync()).Failed(50);
            Assert.Contains("Ports", answer.Message, StringComparison.Ordinal);
            Assert.Contains(path, answer.Message, StringComparison.Ordinal);
        }
        finally
        {
            if (instead == "link")
            {
                File.Delete(path);
            }
            else
            {
                Directory.Delete(path);
            }
        }
        NetNamespace.OpenOrCreateNamed(lab.DataPlane).Dispose();

        (await StatusAsync()).Succeeded();

        Task<PluginAnswer> StatusAsync() => Task.Run(() => lab.Request("STATUS", "", "", change: c => c.Remove("ipam")));
    }

    [Fact]
    public async Task A_slow_delegated_plugin_does_not_delay_status()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(lab, "slow", "[\"1.0.0\",\"1.1.0\"]", "exec sleep 1000");

        var answer = (await lab.RunAsync("STATUS", lab.NewPod(), change: c => c["ipam"]!["type"] = "slow")).Succeeded();

        Assert.Contains("did not exit within", answer.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_hangs_is_50()
    {
        var folder = Directory.CreateTempSubdirectory("hoststub-").FullName;
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, "agent.sock")));
        listener.Listen(0);
        var environment = new Dictionary<string, string> { ["CNI_COMMAND"] = "STATUS" };
        var config = $"{{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"socket\":\"{folder}/agent.sock\"}}";
        PluginAnswer Ask() => PluginAnswer.From(CniPlugin.Execute(environment, () => Encoding.UTF8.GetBytes(config), AgentSocket.Ask));

        // Some connect and get no response; when the queue is full, the next can't connect.
        var answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(Ask)));

        Assert.All(answers, a => a.Failed(50));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("STATUS", 3)]
    [InlineData("GC", 30)]
    [InlineData("DEL", 60)]
    [InlineData("ADD", 60)]
    [InlineData("CHECK", 60)]
    public void The_agents_limits_are_shorter_than_the_runtimes(string command, int runtime)
    {
        var plugin = RequestLimits.OfPlugin(command);
        Assert.True(command == "STATUS" ? plugin <= TimeSpan.FromSeconds(runtime) : plugin < TimeSpan.FromSeconds(runtime));
        Assert.True(RequestLimits.OfAgent(command) < plugin);
    }
}
