using System.Text.Json.Nodes;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.HostStub.Tests;

/// <summary>DEL needs only the attachment's names: what it removes is in the agent's claims.</summary>
public sealed class RemovalTests
{
    private static readonly (string Key, string[] Values)[] OddValues =
    [
        ("mtu", ["\"9000\"", "9500", "-1", "[]", "1e99"]),
        ("ipMasq", ["true", "\"yes\"", "5"]),
        ("dns", ["[]", "\"x\"", "{\"nameservers\":5}"]),
        ("prevResult", ["[]", "\"x\"", "{\"ips\":[{\"address\":\"10.0.0.300/24\"}]}", "{\"interfaces\":5}", "{\"cniVersion\":9}"]),
        ("deviceKind", ["\"nonsense\"", "5", "[]"]),
        ("deviceID", ["\"0000:99:00.1\"", "5"]),
        ("pciBusID", ["{}"]),
        ("runtimeConfig",
        [
            "[]", "5", "{\"mac\":\"02:00:00:00:00:07\"}", "{\"bandwidth\":{\"ingressRate\":1}}", "{\"portMappings\":[{\"hostPort\":80}]}",
            "{\"infinibandGUID\":\"x\"}", "{\"deviceID\":7}", "{\"ips\":\"x\"}",
        ]),
        ("ipam",
        [
            "null", "{}", "[]", "5", "{\"type\":5}", "{\"type\":\"there-is-none\"}", "{\"type\":\"../host-local\"}",
            "{\"type\":\"host-local\",\"ranges\":5}",
        ]),
        ("cniVersion", ["\"9.9.9\"", "5", "null", "\"\""]),
        ("type", ["5"]),
        ("pendingDir", ["5", "\"relative\""]),
        ("cni.dev/valid-attachments", ["5"]),
        ("capabilities", ["5"]),
        ("args", ["5"]),
    ];

    [Fact]
    public async Task Del_removes_everything_however_the_configuration_changed()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        foreach (var (key, values) in OddValues)
        {
            foreach (var value in values)
            {
                var pod = lab.NewPod();
                (await lab.RunAsync("ADD", pod)).Succeeded();

                var answer = await lab.RunAsync("DEL", pod, change: c => c[key] = JsonNode.Parse(value));

                Assert.True(answer.ExitCode == 0, $"{key} = {value}: {answer.Text}");
                Assert.True(lab.Agent!.Services.Claims.All().Count == 0, $"{key} = {value} left a claim");
                lab.AssertNothingLeft();
                lab.DeletePod(pod);
            }
        }
    }

    [Theory]
    [InlineData("CNI_ARGS", "novalue")]
    [InlineData("CNI_ARGS", "=;=")]
    [InlineData("CNI_PATH", "")]
    [InlineData("CNI_PATH", "/nonexistent")]
    [InlineData("CNI_NETNS", "relative")]
    public async Task Del_removes_everything_however_the_environment_changed(string name, string value)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();

        (await Task.Run(() => lab.Run("DEL", pod, environment: e => e[name] = value))).Succeeded();

        lab.AssertNothingLeft();
        Assert.Empty(lab.Agent!.Services.Claims.All());
    }

    [Fact]
    public async Task A_pod_whose_Add_failed_due_to_its_configuration_can_be_deleted()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        void Broken(JsonObject config) => config["ipam"]!["ranges"] = 5;
        void Missing(JsonObject config) => config["ipam"]!["type"] = "there-is-none";
        foreach (var change in (Action<JsonObject>[])[Broken, Missing])
        {
            Assert.Equal(1, (await lab.RunAsync("ADD", pod, change: change)).ExitCode);
            Assert.Empty(lab.Agent!.Services.Claims.All());

            (await lab.RunAsync("DEL", pod, change: change)).Succeeded();

            lab.AssertNothingLeft();
        }
        (await lab.RunAsync("ADD", pod)).Succeeded();
    }

    [Theory]
    [InlineData("CNI_IFNAME", "all")]
    [InlineData("CNI_IFNAME", "a/b")]
    [InlineData("CNI_CONTAINERID", "../x")]
    public async Task Del_succeeds_under_a_name_that_no_Add_accepts(string name, string value)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAcc: false, startAgent: false);

        // The agent is not contacted.
        var answer = (await Task.Run(() => lab.Request("DEL", "c1", "", environment: e => e[name] = value))).Succeeded();

        Assert.Contains($"{name} is not valid, so there is nothing to remove", answer.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_hosts_own_interface_cannot_be_named()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(hostInterface: true);

        (await Task.Run(() => lab.Request(
            "DEL",
            "host",
            "",
            change: c => c["name"] = AttachmentKey.HostNetwork,
            environment: e => e["CNI_IFNAME"] = lab.HostInterfaceName))).Succeeded();

        Assert.NotNull(FunctionLab.Link(lab.HostInterfaceName));
        Assert.NotNull(lab.Agent!.Services.Claims.Get(AttachmentKey.ForHost(lab.HostInterfaceName)));
    }

    [Fact]
    public async Task An_Add_after_a_failed_undo_reports_what_prevents_it()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(
            lab,
            "stuck",
            "[\"1.0.0\"]",
            $"if [ $CNI_COMMAND = DEL ] && [ ! -e {lab.At("works")} ]; then echo '{{\"code\":100,\"msg\":\"locked\"}}'; exit 1; fi; if "
                + "[ $CNI_COMMAND = DEL ]; then exit 0; fi; echo nonsense");
        void Stuck(JsonObject config) => config["ipam"]!["type"] = "stuck";
        var pod = lab.NewPod();
        // It may have assigned an address: its output is not a valid result.
        Assert.Contains(
            "did not return a valid result", (await lab.RunAsync("ADD", pod, change: Stuck)).Failed(6).Message, StringComparison.Ordinal);
        Assert.Equal(ClaimState.Deleting, Assert.Single(lab.Agent!.Services.Claims.All()).State);

        var second = (await lab.RunAsync("ADD", pod, change: Stuck)).Failed(11);

        Assert.Contains(
            "is not completely removed yet, so it can't be added again: IPAM plugin stuck: locked",
            second.Message,
            StringComparison.Ordinal);
        // If the configuration was fixed, the new one releases what the old one can't.
        (await lab.RunAsync("ADD", pod)).Succeeded();
        (await lab.RunAsync("DEL", pod)).Succeeded();
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task On_a_full_disk_Del_succeeds_and_is_recorded_when_there_is_space()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await CreateOnSmallDiskAsync();
        try
        {
            var pod = lab.NewPod();
            (await lab.RunAsync("ADD", pod)).Succeeded();
            var filler = await FillAsync(lab);

            (await lab.RunAsync("DEL", pod)).Succeeded();

            lab.AssertNothingLeft();
            Assert.Empty(lab.Agent!.Services.Claims.All());
            File.Delete(filler);
            await Eventually.TrueAsync(() => lab.Agent.Services.Claims.CatchUpAsync().Result, "the removal is recorded");
            await lab.StopAgentAsync();
            await lab.StartAgentAsync();
            Assert.Empty(lab.Agent!.Services.Claims.All());
        }
        finally
        {
            await lab.StopAgentAsync();
            await Shell.RunAsync(null, "umount", ["-l", lab.At("disk")]);
        }
    }

    [Fact]
    public async Task A_Del_on_a_full_disk_has_the_same_result_after_a_restart()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await CreateOnSmallDiskAsync();
        try
        {
            var pod = lab.NewPod();
            (await lab.RunAsync("ADD", pod)).Succeeded();
            var filler = await FillAsync(lab);
            (await lab.RunAsync("DEL", pod)).Succeeded();
            lab.DeletePod(pod);
            // The state on disk when the agent died.
            File.Copy(lab.At("disk/agent.db"), lab.At("kept.db"));
            if (File.Exists(lab.At("disk/agent.db-wal")))
            {
                File.Copy(lab.At("disk/agent.db-wal"), lab.At("kept.db-wal"));
            }

            await lab.StopAgentAsync();
            File.Delete(filler);
            foreach (var end in (string[])["", "-wal"])
            {
                File.Delete(lab.At($"disk/agent.db{end}"));
                if (File.Exists(lab.At($"kept.db{end}")))
                {
                    File.Copy(lab.At($"kept.db{end}"), lab.At($"disk/agent.db{end}"));
                }
            }

            await lab.StartAgentAsync();

            await Eventually.TrueAsync(
                () => lab.Agent!.Services.Claims.All().Count == 0, () => string.Join('\n', lab.Log.Lines.TakeLast(30)));
            lab.AssertNothingLeft();
        }
        finally
        {
            await lab.StopAgentAsync();
            await Shell.RunAsync(null, "umount", ["-l", lab.At("disk")]);
        }
    }

    private static Task<AgentLab> CreateOnSmallDiskAsync() => AgentLab.CreateAsync(prepare: lab =>
    {
        Directory.CreateDirectory(lab.At("disk"));
        var (exit, _, error) = Shell.RunAsync(
            null,
            "mount",
            ["-t", "tmpfs", "-o", "size=1m,mode=700", "accoffload-test", lab.At("disk")]).GetAwaiter().GetResult();
        Assert.True(exit == 0, error);
        lab.Config["Agent"]!["Store"] = lab.At("disk/agent.db");
        lab.Config["Agent"]!["VanishedSeconds"] = 1;
    });

    // Fills the disk to the last byte, until nothing more fits into the log's existing space either.
    private static async Task<string> FillAsync(AgentLab lab)
    {
        var filler = lab.At("disk/filler");
        using (var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            try
            {
                while (true)
                {
                    file.Write(new byte[4096]);
                }
            }
            catch (IOException)
            {
                // Full.
            }
        }
        var other = lab.NewPod();
        for (var i = 0; ; i++)
        {
            Assert.True(i < 200, "the disk did not fill up");
            var answer = await lab.RunAsync("ADD", other);
            (await lab.RunAsync("DEL", other)).Succeeded();
            if (answer.ExitCode != 0)
            {
                answer.Failed(5);
                return filler;
            }
        }
    }
}
