using System.Net;
using ACCOffload.NativeInterop;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class CheckTests
{
    [CniTheory]
    [InlineData("0.4.0")]
    [InlineData("1.0.0")]
    [InlineData("1.1.0")]
    public async Task Check_passes_after_Add(string version)
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod, version)).Succeeded();

        var answer = (await lab.RunAsync("CHECK", pod, version, added.Output)).Succeeded();

        Assert.Equal("", answer.Text);
    }

    [CniTheory]
    [InlineData("address", "lacks the address 10.244.1.2/32")]
    [InlineData("route", "the route to 0.0.0.0/0 via 169.254.1.1 is gone")]
    [InlineData("down", "eth0 is down")]
    [InlineData("mtu", "has the MTU 1300")]
    [InlineData("mac", "has the MAC 02:00:00:00:00:99")]
    [InlineData("interface", "is gone")]
    [InlineData("port", "is down")]
    public async Task Check_names_what_somebody_changed(string what, string message)
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        Break(lab, pod, what);

        var answer = (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Failed(999);

        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
    }

    [CniFact]
    public async Task Check_accepts_what_a_later_plugin_changed_and_told()
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var result = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;
        Break(lab, pod, "mac");
        Break(lab, pod, "route");
        result["interfaces"]![0]!["mac"] = "02:00:00:00:00:99";
        result["routes"]!.AsArray().RemoveAt(1);

        (await lab.RunAsync("CHECK", pod, prevResult: result)).Succeeded();
    }

    [CniFact]
    public async Task Check_of_an_unknown_container_is_error_3()
    {
        await using var lab = await AgentLab.CreateAsync();
        var (pod, other) = (lab.NewPod(), lab.NewPod());
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();

        (await lab.RunAsync("CHECK", other, prevResult: added.Output)).Failed(3);
    }

    [CniFact]
    public async Task Check_needs_a_prevResult_and_version_0_4_0()
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod, "0.3.1")).Succeeded();

        (await lab.RunAsync("CHECK", pod)).Failed(7);
        (await lab.RunAsync("CHECK", pod, "0.3.1", added.Output)).Failed(1);
    }

    [CniFact]
    public async Task Check_restores_what_the_ACC_had_lost()
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.Acc.Model.Clear();

        (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Succeeded();

        Assert.Single(lab.Acc.Model.Pods);
    }

    [CniFact]
    public async Task Check_passes_the_delegated_plugins_error_on()
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        File.Delete(lab.At("ipam/podnet/10.244.1.2"));

        var answer = await lab.RunAsync("CHECK", pod, prevResult: added.Output);

        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("IPAM plugin host-local", answer.Message, StringComparison.Ordinal);
    }

    [CniTheory]
    [InlineData("stopped")]
    [InlineData("no target")]
    [InlineData("hangs")]
    public async Task An_ACC_that_can_not_be_asked_is_no_failure_of_the_pod(string how)
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        if (how == "stopped")
        {
            await lab.Acc.StopAsync();
            await Eventually.TrueAsync(() => !lab.Agent!.Services.Acc.State.Synced, "the agent sees that the ACC is away");
        }
        else if (how == "no target")
        {
            lab.Acc.Model.AttachFailure = new RpcException(new Status(StatusCode.Unavailable, "the target is away"));
        }
        else
        {
            lab.Acc.Model.HangAttach = true;
        }

        (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Succeeded();

        // The host's side is judged all the same.
        Break(lab, pod, "address");
        Assert.Contains("lacks the address", (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Failed(999).Message, StringComparison.Ordinal);
        lab.Acc.Model.ReleaseHanging();
    }

    [CniFact]
    public async Task An_ACC_that_refuses_the_attachment_fails_the_check()
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.Acc.Model.AttachFailure = new RpcException(new Status(StatusCode.AlreadyExists, "addresses: somebody else has it"));

        Assert.Contains("somebody else has it", (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Failed(999).Message, StringComparison.Ordinal);
    }

    private static void Break(AgentLab lab, Pod pod, string what)
    {
        using var ns = what == "port" ? NetNamespace.OpenNamed(lab.DataPlane) : pod.Open();
        using var links = RouteNetlink.Open(ns);
        var link = links.GetLink(what == "port" ? lab.DataPlaneLinks()[0].Name : "eth0")!;
        switch (what)
        {
            case "address":
                Assert.True(links.DeleteAddress(link.Index, IPAddress.Parse("10.244.1.2"), 32));
                break;
            case "route":
                Assert.True(links.DeleteRoute(links.GetRoutes().Single(r => r.Destination.PrefixLength == 0)));
                break;
            case "mtu":
                links.SetMtu(link.Index, 1300);
                break;
            case "mac":
                links.SetMac(link.Index, MacAddress.Parse("02:00:00:00:00:99"));
                break;
            case "interface":
                links.DeleteLink(link.Index);
                break;
            default:
                links.SetDown(link.Index);
                break;
        }
    }
}
