using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Tests;

/// <summary>The plugin stores a DEL while the agent is down, and the agent executes it later.</summary>
public sealed class PendingRemovalTests
{
    [Fact]
    public async Task A_Del_while_the_agent_is_down_is_executed_once_it_is_running_again()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (gone, kept) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", gone)).Succeeded();
        (await lab.RunAsync("ADD", kept)).Succeeded();
        await lab.StopAgentAsync();

        var answer = (await lab.RunAsync("DEL", gone)).Succeeded();
        (await lab.RunAsync("DEL", gone)).Succeeded();

        Assert.Contains("the removal is stored for it", answer.ErrorText, StringComparison.Ordinal);
        var file = Assert.Single(Kept(lab));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Pending(lab)));
        var frame = File.ReadAllBytes(file);
        lab.DeletePod(gone);
        await lab.StartAgentAsync();
        await DoneAsync(lab, claims: 1);
        Assert.Single(lab.ReservedAddresses());
        Assert.Single(lab.DataPlaneLinks());
        Assert.Equal(kept.ContainerId, Assert.Single(lab.Acc.Model.Pods).Key.ContainerId);

        // As after a crash between the removal and the deletion of the file: it is executed again, with no effect.
        File.WriteAllBytes(file, frame);
        await DoneAsync(lab, claims: 1);
        (await lab.RunAsync("DEL", kept)).Succeeded();
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_Del_whose_network_does_not_name_the_directory_is_executed_too()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Agent"]!["Pending"] = l.At("elsewhere"));
        var (unnamed, named) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", unnamed)).Succeeded();
        (await lab.RunAsync("ADD", named)).Succeeded();
        await lab.StopAgentAsync();
        (await lab.RunAsync("DEL", unnamed)).Succeeded();
        (await lab.RunAsync("DEL", named, change: c => c["pendingDir"] = lab.At("elsewhere"))).Succeeded();
        Assert.Single(Kept(lab));
        Assert.Single(Directory.GetFiles(lab.At("elsewhere")));

        await lab.StartAgentAsync();

        await DoneAsync(lab, claims: 0);
        Assert.Empty(Directory.GetFiles(lab.At("elsewhere")));
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task It_survives_kills_of_the_agent()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        var pod = lab.NewPod();
        await lab.StartCrashingAgentAsync("");
        (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.KillProcess();
        await lab.WaitProcessEndAsync();

        (await lab.RunAsync("DEL", pod)).Succeeded();
        await lab.StartAgentAsync(waitSynced: false);
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();

        await DoneAsync(lab, claims: 0);
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task It_does_not_undo_a_later_Add_of_the_same_attachment()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(
            lab,
            "stuck",
            "[\"1.0.0\"]",
            $"if [ $CNI_COMMAND = DEL ] && [ ! -e {lab.At("works")} ]; then echo '{{\"code\":100,\"msg\":\"locked\"}}'; exit 1; fi; if "
                + "[ $CNI_COMMAND = DEL ]; then exit 0; fi; echo "
                + $"'{{\"cniVersion\":\"1.0.0\",\"ips\":[{{\"address\":\"10.244.1.77/24\"}}]}}'");
        void Stuck(JsonObject config) => config["ipam"]!["type"] = "stuck";
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod, change: Stuck)).Succeeded();
        await lab.StopAgentAsync();
        (await lab.RunAsync("DEL", pod, change: Stuck)).Succeeded();
        await lab.StartAgentAsync();

        // While the DEL can't be executed, the ADD fails: the DEL would undo it.
        var refused = (await lab.RunAsync("ADD", pod, change: Stuck)).Failed(11);
        Assert.Contains("an earlier DEL of", refused.Message, StringComparison.Ordinal);
        File.WriteAllText(lab.At("works"), "");
        var added = (await lab.RunAsync("ADD", pod, change: Stuck)).Succeeded();

        Assert.Empty(Kept(lab));
        (await lab.RunAsync("CHECK", pod, prevResult: added.Output, change: Stuck)).Succeeded();
        Assert.Single(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task A_Del_that_reaches_the_agent_deletes_the_stored_one()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        await lab.StopAgentAsync();
        (await lab.RunAsync("DEL", pod)).Succeeded();
        await lab.StartAgentAsync();

        (await lab.RunAsync("DEL", pod)).Succeeded();

        Assert.Empty(Kept(lab));
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_Del_whose_connection_is_lost_is_retried()
    {
        using var folder = new TemporaryFolder();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.At("agent.sock")));
        listener.Listen(8);
        var serving = Task.Run(async () =>
        {
            for (var i = 0; i < 2; i++)
            {
                // Closing with unread bytes resets the peer's connection.
                using var broken = await listener.AcceptAsync();
                await broken.ReceiveAsync(new byte[1]);
            }
            using var served = await listener.AcceptAsync();
            var prefix = new byte[4];
            await served.ReceiveAsync(prefix);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix)];
            for (var got = 0; got < body.Length;)
            {
                got += await served.ReceiveAsync(body.AsMemory(got));
            }

            await served.SendAsync(new AgentResponse(0, default, default).Encode());
        });

        var answer = await Task.Run(() => Run("DEL", folder, AgentSocket.Ask));

        Assert.Equal(0, answer.ExitCode);
        Assert.False(Directory.Exists(folder.At("agent.sock.pending")));
        await serving;
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("refuses")]
    [InlineData("nonsense")]
    public void A_Del_that_the_agent_does_not_accept_is_stored(string how)
    {
        using var folder = new TemporaryFolder();

        var answer = Run("DEL", folder, (_, _, _) => how switch
        {
            "hangs" => throw new AgentUnavailableException("the host-stub agent did not answer in time"),
            "refuses" => new AgentResponse(AgentResponse.NotStarted, "{\"code\":11}"u8.ToArray(), default),
            _ => AgentResponse.Decode(new byte[] { 9, 0, 0, 0, 0, 0 }),
        });

        Assert.Equal(0, answer.ExitCode);
        var frame = File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder.At("agent.sock.pending"))));
        var request = AgentRequest.Decode(frame.AsSpan(AgentRequest.LengthPrefix));
        Assert.Equal(("DEL", "c1"), (request.Environment["CNI_COMMAND"], request.Environment["CNI_CONTAINERID"]));
    }

    [Fact]
    public void An_Add_that_the_agent_does_not_accept_fails_and_is_not_stored()
    {
        using var folder = new TemporaryFolder();

        var answer = Run(
            "ADD", folder, (_, _, _) => new AgentResponse(AgentResponse.NotStarted, "{\"code\":11,\"msg\":\"busy\"}"u8.ToArray(), default));

        answer.Failed(11);
        Assert.False(Directory.Exists(folder.At("agent.sock.pending")));
    }

    [Fact]
    public void When_no_more_can_be_stored_Del_fails_with_code_11()
    {
        using var folder = new TemporaryFolder();
        var pending = Directory.CreateDirectory(
            folder.At("agent.sock.pending"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        for (var i = 0; i < PendingFiles.MaxFiles; i++)
        {
            File.WriteAllBytes(Path.Combine(pending, $"x{i}"), []);
        }

        var answer = Run("DEL", folder, Unavailable).Failed(11);

        Assert.Contains("is full: 4096 removals wait there", answer.Message, StringComparison.Ordinal);
        Assert.Equal(PendingFiles.MaxFiles, Directory.GetFiles(pending).Length);
    }

    [Theory]
    [InlineData("file")]
    [InlineData("link")]
    [InlineData("others")]
    public void Where_it_cannot_be_stored_safely_Del_fails_with_code_11(string what)
    {
        using var folder = new TemporaryFolder();
        var pending = folder.At("agent.sock.pending");
        Directory.CreateDirectory(folder.At("elsewhere"));
        if (what == "file")
        {
            File.WriteAllText(pending, "");
        }
        else if (what == "link")
        {
            Directory.CreateSymbolicLink(pending, folder.At("elsewhere"));
        }
        else
        {
            File.SetUnixFileMode(Directory.CreateDirectory(pending).FullName, (UnixFileMode)0b111_111_111);
        }

        Assert.Contains("the DEL could not be stored for it either", Run("DEL", folder, Unavailable).Failed(11).Message,
            StringComparison.Ordinal);

        Assert.Empty(Directory.GetFiles(folder.At("elsewhere")));
    }

    [Fact]
    public void The_configuration_sets_the_directory()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal(0, Run("DEL", folder, Unavailable, folder.At("a/b")).ExitCode);

        Assert.Single(Directory.GetFiles(folder.At("a/b")));
    }

    [Fact]
    public async Task A_file_that_is_not_a_valid_Del_is_set_aside()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false);
        var add = AgentRequest.Encode(AgentRequestKind.Cni, [new("CNI_COMMAND", "ADD")], "{}"u8);
        foreach (var (name, bytes) in (ReadOnlySpan<(string, byte[])>)
        [
            ("short", [1]), ("cut", [0, 0, 0, 9, 1]), ("add", add), ("noise", [.. Enumerable.Repeat((byte)7, 5000)]),
        ])
        {
            File.WriteAllBytes(Path.Combine(Pending(lab), name), bytes);
        }

        await Eventually.TrueAsync(() => Kept(lab).Length == 0, "they are set aside");

        Assert.Equal(4, Directory.GetFiles(Pending(lab), ".rejected-*").Length);
        Assert.Equal(4, lab.Log.Lines.Count(l => l.Contains("is set aside", StringComparison.Ordinal)));
        (await Task.Run(() => lab.Request("DEL", "x", "", change: c => c.Remove("ipam")))).Succeeded();
    }

    [Fact]
    public void Names_of_different_attachments_differ_and_have_at_most_128_characters()
    {
        string[] parts = ["a", "b", "ab", "a.b", "aa", new('a', 64), new('a', 65), new('a', 256)];
        var names = new HashSet<string>();
        foreach (var network in parts)
        {
            foreach (var container in parts)
            {
                Assert.True(names.Add(PendingFiles.NameOf(network, container, "eth0")));
            }
        }
        Assert.All(names, n => Assert.True(n.Length <= 128));
    }

    private static AgentResponse Unavailable(string socket, byte[] frame, TimeSpan limit) =>
        throw new AgentUnavailableException("the host-stub agent is not running");

    private static PluginAnswer Run(
        string command, TemporaryFolder folder, Func<string, byte[], TimeSpan, AgentResponse> ask, string pendingDir = "")
    {
        var config = new JsonObject
        {
            ["cniVersion"] = "1.0.0",
            ["name"] = "podnet",
            ["type"] = "accoffload",
            ["socket"] = folder.At("agent.sock"),
        };
        if (pendingDir.Length > 0)
        {
            config["pendingDir"] = pendingDir;
        }

        var environment = new Dictionary<string, string>
        {
            ["CNI_COMMAND"] = command,
            ["CNI_CONTAINERID"] = "c1",
            ["CNI_NETNS"] = "/run/netns/x",
            ["CNI_IFNAME"] = "eth0",
            ["CNI_PATH"] = "/opt/cni/bin",
        };
        return PluginAnswer.From(CniPlugin.Execute(environment, () => System.Text.Encoding.UTF8.GetBytes(config.ToJsonString()), ask));
    }

    private static string Pending(AgentLab lab) => lab.Socket + ".pending";

    private static string[] Kept(AgentLab lab) => [.. Directory.GetFiles(Pending(lab)).Where(f => Path.GetFileName(f)[0] != '.')];

    private static Task DoneAsync(AgentLab lab, int claims) =>
        Eventually.TrueAsync(
            () => Kept(lab).Length == 0 && lab.Agent!.Services.Claims.All().Count == claims,
            () => string.Join('\n', lab.Log.Lines.TakeLast(30)));

    private sealed class TemporaryFolder : IDisposable
    {
        private readonly string _path = Directory.CreateTempSubdirectory("hoststub-").FullName;

        public string At(string name) => Path.Combine(_path, name);

        public void Dispose() => Directory.Delete(_path, recursive: true);
    }
}
