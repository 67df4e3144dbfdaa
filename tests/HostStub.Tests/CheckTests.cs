using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class CheckTests
{
    [Fact]
    public async Task Check_accepts_what_a_later_plugin_changed_and_reported()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var result = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;
        Break(pod, "mac");
        Break(pod, "route");
        result["interfaces"]![0]!["mac"] = "02:00:00:00:00:99";
        result["routes"]!.AsArray().RemoveAt(1);

        (await lab.RunAsync("CHECK", pod, prevResult: result)).Succeeded();

        // The target accepts only packets from the MAC that it knows.
        Assert.Equal("020000000099", Convert.ToHexString(Assert.Single(lab.Acc.Model.Pods).Device.Mac.Span));
        (await lab.RunAsync("CHECK", pod, prevResult: result)).Succeeded();
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Equal("020000000099", Convert.ToHexString(Assert.Single(lab.Acc.Model.Pods).Device.Mac.Span));
    }

    [Fact]
    public async Task A_changed_MAC_that_the_ACC_refuses_fails_Check_and_changes_nothing()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var result = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;
        var first = result["interfaces"]![0]!["mac"]!.GetValue<string>();
        Break(pod, "mac");
        result["interfaces"]![0]!["mac"] = "02:00:00:00:00:99";
        lab.Acc.Model.AttachFailure = new Grpc.Core.RpcException(
            new Grpc.Core.Status(Grpc.Core.StatusCode.AlreadyExists, "device.mac: 02:00:00:00:00:99 belongs to another endpoint"));

        var refused = (await lab.RunAsync("CHECK", pod, prevResult: result)).Failed(999);

        Assert.Contains("interface eth0 has the MAC 02:00:00:00:00:99, which the ACC refuses", refused.Message, StringComparison.Ordinal);
        Assert.Equal(first, lab.Agent!.Services.Claims.All().Single(c => !c.IsHost).Mac.ToString());
    }

    [Fact]
    public async Task Check_accepts_a_smaller_MTU_that_a_later_plugin_did_not_report()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var result = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;
        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            links.SetMtu(links.GetLink("eth0")!.Index, 1400);
        }

        (await lab.RunAsync("CHECK", pod, prevResult: result)).Succeeded();
    }

    [Theory]
    [InlineData("0.4.0", "[{\"address\":\"10.244.1.7/24\",\"gateway\":\"10.244.1.1\"}]", "[]")]
    [InlineData(
        "1.0.0",
        "[{\"address\":\"10.244.1.7/24\",\"gateway\":\"10.244.1.1\"}]",
        "[{\"dst\":\"10.96.0.0/12\",\"gw\":\"10.244.1.1\"},{\"dst\":\"0.0.0.0/0\"}]")]
    [InlineData(
        "1.1.0",
        "[{\"address\":\"10.244.1.7/24\",\"gateway\":\"10.244.1.1\"},{\"address\":\"10.244.1.8/24\"}]",
        "[{\"dst\":\"10.96.0.0/12\"}]")]
    public async Task Debians_static_plugin_gets_its_own_result_in_Check(string version, string addresses, string routes)
    {
        Needs.CniPlugins("static", "host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        void Static(JsonObject c) =>
            c["ipam"] = new JsonObject
            {
                ["type"] = "static",
                ["addresses"] = JsonNode.Parse(addresses),
                ["routes"] = JsonNode.Parse(routes),
            };
        var result = (await lab.RunAsync("ADD", pod, version, change: Static)).Succeeded().Output!;

        (await lab.RunAsync("CHECK", pod, version, result, Static)).Succeeded();
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        (await lab.RunAsync("CHECK", pod, version, result, Static)).Succeeded();

        // Its configuration changed in the meantime, which is the difference that it checks.
        var other = JsonNode.Parse(addresses)!;
        other[0]!["gateway"] = "10.244.1.254";
        void Changed(JsonObject c) =>
            c["ipam"] = new JsonObject { ["type"] = "static", ["addresses"] = other, ["routes"] = JsonNode.Parse(routes) };
        Assert.Contains(
            "IPAM plugin static",
            (await lab.RunAsync("CHECK", pod, version, result, Changed)).Failed(999).Message,
            StringComparison.Ordinal);
        (await lab.RunAsync("DEL", pod, version, result, Static)).Succeeded();
    }

    [Fact]
    public async Task The_IPAM_plugin_gets_its_own_result_in_its_own_version()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        const string Result = """{"cniVersion":"1.0.0","ips":[{"address":"10.244.1.77/24","gateway":"10.244.1.1"}],"dns":{"domain":"x"}}""";
        FakeIpam.Write(
            lab,
            "fake",
            "[\"1.0.0\"]",
            $"[ $CNI_COMMAND != CHECK ] || echo \"$input\" > {lab.At("input")}; [ $CNI_COMMAND != ADD ] || echo '{Result}'");
        void Fake(JsonObject c) => c["ipam"] = new JsonObject { ["type"] = "fake" };
        var pod = lab.NewPod();
        var result = (await lab.RunAsync("ADD", pod, change: Fake)).Succeeded().Output!;

        (await lab.RunAsync("CHECK", pod, prevResult: result, change: Fake)).Succeeded();

        var given = JsonNode.Parse(File.ReadAllText(lab.At("input")))!;
        Assert.Equal("1.0.0", given["cniVersion"]!.GetValue<string>());
        Assert.Equal(Result, given["prevResult"]!.ToJsonString());
    }

    [Fact]
    public async Task Check_restores_what_the_ACC_lost()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.Acc.Model.Clear();

        (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Succeeded();

        Assert.Single(lab.Acc.Model.Pods);
    }

    [Theory]
    [InlineData("stopped")]
    [InlineData("no target")]
    [InlineData("hangs")]
    public async Task An_unreachable_ACC_does_not_fail_Check(string how)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        if (how == "stopped")
        {
            await lab.Acc.StopAsync();
            await Eventually.TrueAsync(() => !lab.Agent!.Services.Acc.State.Synced, "the agent detects that the ACC is unreachable");
        }
        else if (how == "no target")
        {
            lab.Acc.Model.AttachFailure = new RpcException(new Status(StatusCode.Unavailable, "the target is unavailable"));
        }
        else
        {
            lab.Acc.Model.HangAttach = true;
        }

        (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Succeeded();

        // The host's side is checked anyway.
        Break(pod, "address");
        Assert.Contains(
            "lacks the address",
            (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Failed(999).Message,
            StringComparison.Ordinal);
        lab.Acc.Model.ReleaseHanging();
    }

    [Fact]
    public async Task An_ACC_that_refuses_the_attachment_fails_the_check()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.Acc.Model.AttachFailure = new RpcException(new Status(StatusCode.AlreadyExists, "addresses: somebody else has it"));

        Assert.Contains(
            "somebody else has it",
            (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Failed(999).Message,
            StringComparison.Ordinal);
    }

    private static void Break(Pod pod, string what)
    {
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        var link = links.GetLink("eth0")!;
        switch (what)
        {
            case "address":
                Assert.True(links.DeleteAddress(link.Index, IPAddress.Parse("10.244.1.2"), 32));
                break;
            case "route":
                Assert.True(links.DeleteRoute(links.GetRoutes().Single(r => r.Destination.PrefixLength == 0)));
                break;
            default:
                links.SetMac(link.Index, MacAddress.Parse("02:00:00:00:00:99"));
                break;
        }
    }
}
