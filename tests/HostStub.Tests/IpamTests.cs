using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.HostStub.Tests;

public sealed class IpamTests
{
    private const string Address = "echo "
        + "'{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.244.1.77/24\",\"gateway\":\"10.244.1.1\"}],\"routes\":[{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.244.1.1\"}],\"dns\":{\"nameservers\":[\"10.96.0.10\"]}}'";

    [Fact]
    public async Task Routes_and_DNS_of_the_plugin_are_applied_with_our_gateway()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(lab, "fake", "[\"1.0.0\"]", Address);
        var pod = lab.NewPod();

        var answer = (await lab.RunAsync("ADD", pod, change: Fake)).Succeeded().Output!;

        Assert.Equal("10.244.1.77/32", answer["ips"]![0]!["address"]!.GetValue<string>());
        Assert.Equal("10.96.0.10", answer["dns"]!["nameservers"]![0]!.GetValue<string>());
        var route = answer["routes"]!.AsArray().Single(r => r!["dst"]!.GetValue<string>() == "10.0.0.0/8")!;
        Assert.Equal("169.254.1.1", route["gw"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_call_whose_time_is_used_up_fails_with_error_11_and_starts_no_process()
    {
        using var folder = new Folder();
        var file = folder.At("fake");
        File.WriteAllText(file, "#!/bin/sh\n");
        var runs = new List<string>();
        var ipam = new IpamDelegate(TimeSpan.FromSeconds(30), NullLoggerFactory.Instance, async (_, environment, _, _) =>
        {
            runs.Add(environment["CNI_COMMAND"]);
            // VERSION uses up the time of the whole call.
            await Task.Delay(50);
            return new IpamProcess.Exit(0, Encoding.UTF8.GetBytes("""{"supportedVersions":["1.1.0"]}"""), "");
        });
        var request = new IpamRequest("fake", folder.Root, new Dictionary<string, string>(), CniVersion.V110, default, null);

        var e = await Assert.ThrowsAsync<CniException>(() => ipam.RunIfSupportedAsync("GC", request, TimeSpan.FromMilliseconds(20)));

        Assert.Equal(11, e.Code);
        Assert.Equal(["VERSION"], runs);
    }

    [Fact]
    public async Task A_plugin_replaced_behind_its_link_is_asked_again_for_its_versions()
    {
        using var folder = new Folder();
        File.CreateSymbolicLink(folder.At("fake"), folder.Write("fake-1.0", "#!/bin/sh\n"));
        var (runs, versions) = (new List<string>(), "[\"1.0.0\"]");
        var ipam = new IpamDelegate(TimeSpan.FromSeconds(30), NullLoggerFactory.Instance, (_, environment, _, _) =>
        {
            runs.Add(environment["CNI_COMMAND"]);
            return Task.FromResult(new IpamProcess.Exit(0, Encoding.UTF8.GetBytes($"{{\"supportedVersions\":{versions}}}"), ""));
        });
        var request = new IpamRequest("fake", folder.Root, new Dictionary<string, string>(), CniVersion.V110, default, null);
        Assert.False(await ipam.RunIfSupportedAsync("GC", request, TimeSpan.FromSeconds(30)));
        Assert.False(await ipam.RunIfSupportedAsync("GC", request, TimeSpan.FromSeconds(30)));
        Assert.Equal(["VERSION"], runs);

        folder.Write("fake-1.0", "#!/bin/sh\n# newer\n");
        versions = "[\"1.0.0\",\"1.1.0\"]";
        Assert.True(await ipam.RunIfSupportedAsync("GC", request, TimeSpan.FromSeconds(30)));
        Assert.Equal(["VERSION", "VERSION", "GC"], runs);
    }

    [Fact]
    public async Task More_addresses_than_the_ACC_accepts_are_refused_before_the_attach()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        var ips = string.Join(',', Enumerable.Range(1, 17).Select(i => $"{{\"address\":\"10.244.1.{i}/24\"}}"));
        FakeIpam.Write(
            lab,
            "fake",
            "[\"1.0.0\"]",
            $"if [ $CNI_COMMAND = DEL ]; then touch {lab.At("released")}; exit 0; fi; echo '{{\"cniVersion\":\"1.0.0\",\"ips\":[{ips}]}}'");

        var answer = (await lab.RunAsync("ADD", lab.NewPod(), change: Fake)).Failed(7);

        Assert.Contains("returned 17 addresses", answer.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(lab.At("released")));
        Assert.DoesNotContain("Attach", lab.Acc.Model.Calls);
        Assert.Empty(lab.DataPlaneLinks());
    }

    [Fact]
    public async Task The_plugin_gets_the_complete_configuration_in_a_known_version_and_the_callers_environment()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(lab, "fake", "[\"1.0.0\"]", $"echo \"$input\" > {lab.At("input")}; env > {lab.At("env")}; {Address}");
        var pod = lab.NewPod();

        (await Task.Run(() => lab.Run("ADD", pod, change: c =>
        {
            Fake(c);
            c["keyA"] = new JsonArray("kept", 1);
            var bridge = new JsonObject { ["name"] = "br0", ["mtu"] = 1400 };
            c["prevResult"] = new JsonObject { ["cniVersion"] = "1.1.0", ["interfaces"] = new JsonArray(bridge) };
        }, environment: e => e["SOME_VARIABLE"] = "seen"))).Succeeded();

        var input = JsonNode.Parse(File.ReadAllText(lab.At("input")))!;
        Assert.Equal("1.0.0", input["cniVersion"]!.GetValue<string>());
        Assert.Equal("kept", input["keyA"]![0]!.GetValue<string>());
        Assert.Equal("1.0.0", input["prevResult"]!["cniVersion"]!.GetValue<string>());
        Assert.Null(input["prevResult"]!["interfaces"]![0]!["mtu"]);
        var environment = File.ReadAllText(lab.At("env"));
        Assert.Contains("SOME_VARIABLE=seen", environment, StringComparison.Ordinal);
        Assert.Contains($"CNI_CONTAINERID={pod.ContainerId}", environment, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("echo not json", 6, "did not return a valid result")]
    [InlineData("echo '{\"ips\":[{\"address\":\"10.244.1.300/24\"}]}'", 6, "10.244.1.300/24")]
    [InlineData("echo '{}'", 7, "returned no address")]
    [InlineData("head -c 2000000 /dev/zero", 6, "printed more than")]
    public async Task A_faulty_plugin_is_reported_and_its_addresses_are_released(string body, int code, string message)
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(lab, "fake", "[\"1.0.0\"]", $"if [ $CNI_COMMAND = DEL ]; then touch {lab.At("released")}; exit 0; fi; {body}");
        var pod = lab.NewPod();

        var answer = (await lab.RunAsync("ADD", pod, change: Fake)).Failed(code);

        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(lab.At("released")));
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_plugin_that_hangs_is_killed_in_time()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Agent"]!["IpamTimeoutSeconds"] = 1);
        FakeIpam.Write(
            lab, "fake", "[\"1.0.0\"]", $"if [ $CNI_COMMAND = DEL ]; then exit 0; fi; echo $$ > {lab.At("pid")}; exec sleep 1000");
        var pod = lab.NewPod();

        var answer = (await lab.RunAsync("ADD", pod, change: Fake)).Failed(11);

        Assert.Contains("did not exit within 1 s", answer.Message, StringComparison.Ordinal);
        var pid = int.Parse(File.ReadAllText(lab.At("pid")), System.Globalization.CultureInfo.InvariantCulture);
        await Eventually.TrueAsync(() => !IsRunning(pid), "the plugin's process ends");
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task The_plugins_standard_error_reaches_the_runtime()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(lab, "fake", "[\"1.0.0\"]", $"echo 'half full' >&2; {Address}");

        var answer = (await lab.RunAsync("ADD", lab.NewPod(), change: Fake)).Succeeded();

        Assert.Contains("half full", answer.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_release_is_reported_and_retried()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync();
        FakeIpam.Write(
            lab,
            "fake",
            "[\"1.0.0\"]",
            $"if [ $CNI_COMMAND = DEL ] && [ ! -e {lab.At("works")} ]; then echo '{{\"code\":100,\"msg\":\"locked\"}}'; exit 1; fi; "
                + $"{Address}");
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod, change: Fake)).Succeeded();

        (await lab.RunAsync("DEL", pod, change: Fake)).Failed(100);
        Assert.Empty(lab.DataPlaneLinks());
        File.WriteAllText(lab.At("works"), "");
        (await lab.RunAsync("DEL", pod, change: Fake)).Succeeded();

        lab.AssertNothingLeft();
        Assert.Empty(lab.Agent!.Services.Claims.All());
    }

    [Fact]
    public async Task A_network_whose_plugin_hangs_does_not_block_others()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            l.Config["Agent"]!["IpamTimeoutSeconds"] = 15;
            l.Config["Agent"]!["AddTimeoutSeconds"] = 30;
        });
        Directory.CreateDirectory(lab.At("running"));
        FakeIpam.Write(
            lab,
            "hangs",
            "[\"1.0.0\"]",
            $"if [ $CNI_COMMAND = DEL ]; then exit 0; fi; : > {lab.At("running")}/$$; while [ ! -e {lab.At("enough")} ]; do sleep 0.1; "
                + $"done; {Address}");
        FakeIpam.Write(lab, "fake", "[\"1.0.0\"]", Address);
        var pods = Enumerable.Range(0, 20).Select(_ => lab.NewPod()).ToArray();
        var slow = pods.Select(p => lab.RunAsync("ADD", p, change: c => (c["name"], c["ipam"]!["type"]) = ("slow", "hangs"))).ToArray();
        await Eventually.TrueAsync(() => Directory.GetFiles(lab.At("running")).Length == 8, "the slow network uses its share");

        (await lab.RunAsync("ADD", lab.NewPod(), change: Fake)).Succeeded();

        Assert.Equal(8, Directory.GetFiles(lab.At("running")).Length);
        Assert.DoesNotContain(slow, s => s.IsCompleted);
        File.WriteAllText(lab.At("enough"), "");
        await Task.WhenAll(slow);
    }

    private static void Fake(JsonObject config) => config["ipam"]!["type"] = "fake";

    private static bool IsRunning(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
