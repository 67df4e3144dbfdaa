using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;

namespace ACCOffload.HostStub.Tests;

public sealed class HostInterfaceTests
{
    [Fact]
    public async Task It_is_created_and_attached_at_the_start_and_survives_a_restart()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true);
        using var links = RouteNetlink.Open();
        var link = AssertComplete(lab, links);
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has it");
        var endpoint = lab.Acc.Model.Endpoints[0];
        Assert.Equal(EndpointKind.Host, endpoint.Kind);
        Assert.Equal(link.Mac.ToArray(), endpoint.Device.Mac.ToByteArray());
        Assert.Equal([198, 19, 0, 1], endpoint.Addresses.Single().ToByteArray());
        Assert.Equal(lab.DataPlaneLinks().Single().Name, endpoint.Device.PortName);

        await lab.StopAgentAsync();
        await lab.StartAgentAsync();

        Assert.Equal(link.Index, links.GetLink(lab.HostInterfaceName)!.Index);
        Assert.Single(lab.Acc.Model.Endpoints);
    }

    [Fact]
    public async Task A_change_by_another_client_on_the_ACC_is_detected_and_reverted()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true, prepare: l => l.Acc.Model.Conditions = []);
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has it");
        var own = lab.Acc.Model.Endpoints[0];
        var other = own.Clone();
        other.Device = new Device
        {
            Kind = "veth",
            PortName = "acc00000000099",
            Mac = Google.Protobuf.ByteString.CopyFrom(2, 0, 0, 0, 0, 0x99),
        };
        lab.Acc.Model.Add(other);

        await Eventually.TrueAsync(() => lab.Agent!.Conditions.Take().Any(c => c is { Name: "HostInterface", Ok: false }),
            "it is detected");
        var condition = lab.Agent!.Conditions.Take().Single(c => c.Name == "HostInterface");
        Assert.Contains("acc00000000099", condition.Reason, StringComparison.Ordinal);
        Assert.False(condition.PreventsAdds);
        await Eventually.TrueAsync(
            () => lab.Acc.Model.Endpoints.Single().Device.PortName == own.Device.PortName, "the agent reports its own endpoint again");
    }

    [Fact]
    public async Task The_agents_own_update_is_not_reported_as_a_conflict()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true, prepare: l => l.Acc.Model.Conditions = []);
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has it");
        var claims = lab.Agent!.Services.Claims;
        var host = claims.AttachedHost()!;

        // The state after the agent records a new port and before the ACC reports it.
        claims.PutInMemory(host with { PortName = "accpending" });
        var probes = lab.Acc.Model.Probes;
        await Eventually.TrueAsync(() => lab.Acc.Model.Probes > probes, "the agent looks at what the ACC holds");
        await Task.Delay(200);
        claims.PutInMemory(host);
        probes = lab.Acc.Model.Probes;
        await Eventually.TrueAsync(() => lab.Acc.Model.Probes > probes, "it looks again");

        Assert.False(lab.Log.Contains("nother client"));
    }

    [Fact]
    public async Task A_permanent_refusal_causes_neither_a_Sync_loop_nor_a_conflict()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true, prepare: l =>
        {
            l.Acc.Model.Conditions = [];
            l.Acc.Model.Refusal = a => a.Kind == EndpointKind.Host ? "addresses: not allowed for this node" : null;
        });
        var model = lab.Acc.Model;
        Assert.Contains("addresses: not allowed", Assert.Single(lab.Agent!.Services.Acc.State.SyncFailures), StringComparison.Ordinal);
        var syncs = Syncs();
        var probes = model.Probes;

        await Eventually.TrueAsync(() => model.Probes >= probes + 4 || Syncs() > syncs + 3, "the agent asks for the status");

        // A refused endpoint is retried from time to time, not with every probe.
        Assert.InRange(Syncs() - syncs, 0, 3);
        Assert.DoesNotContain("Attach", model.Calls);
        var condition = lab.Agent.Conditions.Take().Single(c => c.Name == "HostInterface");
        Assert.DoesNotContain("another client", condition.Reason, StringComparison.Ordinal);
        Assert.True(lab.Agent.Services.Acc.State.Synced);
        Assert.False(lab.Log.Contains("nother client"));

        int Syncs() => model.Calls.Count(c => c == "Sync");
    }

    [Theory]
    [InlineData("device")]
    [InlineData("data-plane end")]
    [InlineData("address")]
    [InlineData("route")]
    [InlineData("down")]
    public async Task Missing_parts_are_restored(string what)
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true);
        using var links = RouteNetlink.Open();
        var link = AssertComplete(lab, links);
        switch (what)
        {
            case "device": links.DeleteLink(link.Index); break;
            case "data-plane end": HideDataPlaneEnd(lab); break;
            case "address": links.DeleteAddress(link.Index, IPAddress.Parse("198.19.0.1"), 32); break;
            case "route": links.DeleteRoute(links.GetRoutes(link.Index).Single(r => r.Gateway is not null)); break;
            default: links.SetDown(link.Index); break;
        }

        await Eventually.TrueAsync(() => IsComplete(lab, links), "the host interface is complete again");
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has it");
        Assert.Equal(links.GetLink(lab.HostInterfaceName)!.Mac.ToArray(), lab.Acc.Model.Endpoints[0].Device.Mac.ToByteArray());
    }

    [Fact]
    public async Task Its_routes_prefer_the_configured_source_and_are_repaired()
    {
        Needs.Root();
        var node = IPAddress.Parse("198.19.0.77");
        using var links = RouteNetlink.Open();
        // Normally the node's address is on one of the host's own interfaces; in this test it is on the agent's.
        await using var lab = await AgentLab.CreateAsync(hostInterface: true, prepare: l =>
        {
            l.Config["HostInterface"]!["Addresses"] = new System.Text.Json.Nodes.JsonArray("198.19.0.1/32", $"{node}/32");
            l.Config["HostInterface"]!["PreferredSource"] = node.ToString();
        });
        var link = AssertComplete(lab, links);
        Assert.Equal(node, Source());

        links.AddRoute(Route() with { PreferredSource = IPAddress.Parse("198.19.0.1") }, replace: true);

        await Eventually.TrueAsync(() => node.Equals(Source()), "the route prefers the node's address again");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(IPAddress.Parse("198.18.0.9"), 9);
        Assert.Equal(node, ((IPEndPoint)socket.LocalEndPoint!).Address);

        Route Route() => links.GetRoutes(link.Index).Single(r => r.Destination == IPNetwork.Parse("198.18.0.0/24"));
        IPAddress? Source() => Route().PreferredSource;
    }

    [Fact]
    public async Task A_preferred_source_that_the_host_does_not_have_yet_is_reported_and_used_later()
    {
        Needs.Root();
        var node = IPAddress.Parse("198.19.0.78");
        using var links = RouteNetlink.Open();
        await using var lab = await AgentLab.CreateAsync(
            hostInterface: true, prepare: l => l.Config["HostInterface"]!["PreferredSource"] = node.ToString());
        var link = AssertComplete(lab, links);
        await Eventually.TrueAsync(
            () => lab.Agent!.Conditions.Take().Any(c => c is { Name: "HostInterface", Ok: false }
                && c.Reason.Contains($"{node} is not an address of this host", StringComparison.Ordinal)),
            "it is reported");
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has the interface");

        links.AddAddress(link.Index, node, 32);

        await Eventually.TrueAsync(
            () => links.GetRoutes(link.Index).Any(r => node.Equals(r.PreferredSource)), "the route has the source");
        Assert.Equal(link.Index, links.GetLink(lab.HostInterfaceName)!.Index);
    }

    [Fact]
    public async Task It_exists_before_the_ACC_is_reachable()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAcc: false, hostInterface: true);
        using var links = RouteNetlink.Open();
        AssertComplete(lab, links);

        await lab.Acc.StartAsync();

        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "Sync informs the ACC");
    }

    [Fact]
    public async Task A_foreign_interface_with_the_same_name_is_not_changed()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAgent: false, hostInterface: true);
        using var links = RouteNetlink.Open();
        var foreign = links.CreateVeth(new VethSpec { Name = lab.HostInterfaceName, PeerName = lab.HostInterfaceName + "p" })!;

        await lab.StartAgentAsync();

        Assert.True(lab.Log.Contains("is not the agent's"));
        Assert.Equal(foreign.Index, links.GetLink(lab.HostInterfaceName)!.Index);
    }

    [Fact]
    public async Task Another_address_replaces_the_endpoint_and_disabling_removes_it()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(hostInterface: true);
        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 1, "the ACC has it");
        await lab.StopAgentAsync();
        lab.Config["HostInterface"]!["Addresses"]![0] = "198.19.0.2/32";
        lab.WriteConfig();
        await lab.StartAgentAsync();
        await Eventually.TrueAsync(
            () => lab.Acc.Model.Endpoints is [{ } e] && e.Addresses.Single().ToByteArray()[3] == 2, "the endpoint has the new address");
        await lab.StopAgentAsync();

        lab.Config["HostInterface"]!["Enabled"] = false;
        lab.WriteConfig();
        await lab.StartAgentAsync();

        await Eventually.TrueAsync(() => lab.Acc.Model.Endpoints.Count == 0, "the endpoint is gone");
        using var links = RouteNetlink.Open();
        Assert.Null(links.GetLink(lab.HostInterfaceName));
        Assert.Empty(lab.DataPlaneLinks());
    }

    // As when the port namespace is created again while a process keeps the old one: the near end stays, but its peer is out of reach.
    private static void HideDataPlaneEnd(AgentLab lab)
    {
        using var ports = NetNamespace.OpenNamed(lab.DataPlane);
        using var links = RouteNetlink.Open(ports);
        var end = links.GetLinks().Single(l => l.Kind == "veth");
        links.SetDown(end.Index);
        links.Rename(end.Index, "hidden");
    }

    private static LinkInfo AssertComplete(AgentLab lab, RouteNetlink links)
    {
        Assert.True(IsComplete(lab, links), string.Join('\n', lab.Log.Lines));
        return links.GetLink(lab.HostInterfaceName)!;
    }

    private static bool IsComplete(AgentLab lab, RouteNetlink links) =>
        links.GetLink(lab.HostInterfaceName) is { HasCarrier: true } link
        && links.GetAddresses(link.Index).Any(a => a.Address.Equals(IPAddress.Parse("198.19.0.1")) && a.PrefixLength == 32)
        && links.GetRoutes(link.Index)
            .Any(r => r.Destination == IPNetwork.Parse("198.18.0.0/24") && Equals(r.Gateway, IPAddress.Parse("169.254.1.1")));
}
