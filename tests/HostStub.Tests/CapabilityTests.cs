using System.Text.Json.Nodes;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests;

/// <summary>Values that a runtime passes in runtimeConfig.</summary>
public sealed class CapabilityTests
{
    private const string Wanted = "02:00:00:00:00:55";

    [Fact]
    public async Task An_ipvlan_has_its_parents_MAC_and_no_other()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(
            prepare: l => l.Config["Device"]!["Ipvlan"] = new JsonObject { ["Parent"] = "lo", ["Port"] = "parent0" });
        var pod = lab.NewPod();
        void Ipvlan(JsonObject c)
        {
            c["deviceKind"] = "ipvlan";
            Mac(c, Wanted);
        }

        Assert.Contains("runtimeConfig.mac", (await lab.RunAsync("ADD", pod, change: Ipvlan)).Failed(2).Message, StringComparison.Ordinal);

        lab.AssertNothingLeft();
        Assert.Empty(lab.Agent!.Services.Pools.Quarantine.All());
    }

    [Fact]
    public async Task Bandwidth_limits_both_directions_and_Check_verifies_it()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        void Limit(JsonObject c) => Bandwidth(c, 8_000_000, 800_000, 16_000_000, 800_000);
        var result = (await lab.RunAsync("ADD", pod, change: Limit)).Succeeded().Output!;

        Assert.Equal((1_000_000UL, 2_000_000UL), (RateOfPort(lab), RateOf(pod)));
        (await lab.RunAsync("CHECK", pod, prevResult: result, change: Limit)).Succeeded();

        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            links.SetTokenBucket(links.GetLink("eth0")!.Index, new TokenBucket(9_000_000, 100_000, 200_000));
        }

        Assert.Contains(
            "what the pod sends is limited to 72000000 bits per second",
            (await lab.RunAsync("CHECK", pod, prevResult: result, change: Limit)).Failed(999).Message,
            StringComparison.Ordinal);
        (await lab.RunAsync("DEL", pod, change: Limit)).Succeeded();
        lab.AssertNothingLeft();
    }

    [Theory]
    [InlineData(8_000_000UL, 0UL)]
    [InlineData(0UL, 40_000_000_000UL)]
    public async Task A_direction_without_a_rate_is_not_limited(ulong ingress, ulong egress)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        void Limit(JsonObject c) => Bandwidth(c, ingress, ingress > 0 ? 800_000UL : 0, egress, egress > 0 ? 8UL * int.MaxValue : 0);
        var result = (await lab.RunAsync("ADD", pod, change: Limit)).Succeeded().Output!;

        Assert.Equal((ingress > 0 ? ingress / 8 : null, egress > 0 ? egress / 8 : null), (RateOfPort(lab), RateOf(pod)));
        (await lab.RunAsync("CHECK", pod, prevResult: result, change: Limit)).Succeeded();
    }

    /// <summary>Packets that the target sends through its packet socket are queued and dropped like any others.</summary>
    [Fact]
    public async Task Packets_beyond_the_rate_do_not_reach_the_pod()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod, change: c => Bandwidth(c, 8_000, 16_000, 0, 0))).Succeeded();
        var frame = new byte[1000];
        frame.AsSpan(0, 6).Fill(0xff);
        frame[12] = 0x88;
        frame[13] = 0xb5;
        using var ns = NetNamespace.OpenNamed(lab.DataPlane);
        using var port = PacketPort.Open(ns, Assert.Single(lab.DataPlaneLinks()).Name);

        for (var i = 0; i < 200; i++)
        {
            port.TrySend(frame);
        }

        // A burst of 2000 bytes and as many in the queue: few of the 200,000 bytes.
        Assert.True(port.SendDropped > 100, $"{port.SendDropped} of 200 were dropped, {port.Sent} sent");
    }

    [Fact]
    public async Task Bandwidth_is_refused_by_name_for_kinds_other_than_veth()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(
            prepare: l => l.Config["Device"]!["Ipvlan"] = new JsonObject { ["Parent"] = "lo", ["Port"] = "parent0" });
        void Limit(JsonObject c)
        {
            c["deviceKind"] = "ipvlan";
            Bandwidth(c, 8_000_000, 800_000, 0, 0);
        }

        Assert.Contains(
            "runtimeConfig.bandwidth",
            (await lab.RunAsync("ADD", lab.NewPod(), change: Limit)).Failed(2).Message,
            StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_burst_smaller_than_a_packet_is_refused()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();

        var refused = (await lab.RunAsync("ADD", lab.NewPod(), change: c => Bandwidth(c, 8_000_000, 8_000, 0, 0))).Failed(7);

        Assert.Contains("runtimeConfig.bandwidth.ingressBurst", refused.Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    private static void Mac(JsonObject config, string mac) => config["runtimeConfig"] = new JsonObject { ["mac"] = mac };

    private static void Bandwidth(JsonObject config, ulong ingressRate, ulong ingressBurst, ulong egressRate, ulong egressBurst) =>
        config["runtimeConfig"] = new JsonObject
        {
            ["bandwidth"] = new JsonObject
            {
                ["ingressRate"] = ingressRate,
                ["ingressBurst"] = ingressBurst,
                ["egressRate"] = egressRate,
                ["egressBurst"] = egressBurst,
            },
        };

    private static ulong? RateOf(Pod pod)
    {
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        return links.GetTokenBucketRate(links.GetLink("eth0")!.Index);
    }

    private static ulong? RateOfPort(AgentLab lab)
    {
        using var ns = NetNamespace.OpenNamed(lab.DataPlane);
        using var links = RouteNetlink.Open(ns);
        return links.GetTokenBucketRate(Assert.Single(lab.DataPlaneLinks()).Index);
    }
}
