using System.Net;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos.V1;

namespace ACCOffload.HostStub.Tests;

public sealed class AddTests
{
    [Fact]
    public async Task Add_configures_both_ends()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();

        (await lab.RunAsync("ADD", pod, change: c => c["mtu"] = 1400)).Succeeded();

        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        var eth0 = links.GetLink("eth0")!;
        Assert.True(eth0.IsUp && eth0.HasCarrier);
        Assert.Equal(1400, eth0.Mtu);
        var address = Assert.Single(links.GetAddresses(eth0.Index));
        Assert.Equal((IPAddress.Parse("10.244.1.2"), 32), (address.Address, address.PrefixLength));
        var routes = links.GetRoutes(eth0.Index);
        Assert.Contains(routes, r => r.Destination == IPNetwork.Parse("169.254.1.1/32") && r.Scope == RouteScope.Link);
        Assert.Contains(routes, r => r.Destination.PrefixLength == 0 && Equals(r.Gateway, IPAddress.Parse("169.254.1.1")));
        Assert.DoesNotContain(
            ns.Run(() => EthtoolSettings.GetActiveFeatures("eth0")),
            f => f.StartsWith("tx-checksum", StringComparison.Ordinal) || f.Contains("segmentation", StringComparison.Ordinal));

        var port = Assert.Single(lab.DataPlaneLinks());
        Assert.True(port.IsUp);
        Assert.Equal($"accoffload:podnet/{pod.ContainerId}/eth0", port.Alias);
        var endpoint = Assert.Single(lab.Acc.Model.Pods);
        Assert.Equal(port.Name, endpoint.Device.PortName);
        Assert.Equal(eth0.Mac.ToArray(), endpoint.Device.Mac.ToByteArray());
        Assert.Equal(("default", "web-0", "6f1b", 1400u), (endpoint.PodNamespace, endpoint.PodName, endpoint.PodUid, endpoint.Mtu));
        Assert.Equal(EndpointKind.Pod, endpoint.Kind);
    }

    [Theory]
    [InlineData(Grpc.Core.StatusCode.InvalidArgument, 7)]
    [InlineData(Grpc.Core.StatusCode.AlreadyExists, 999)]
    [InlineData(Grpc.Core.StatusCode.PermissionDenied, 999)]
    [InlineData(Grpc.Core.StatusCode.ResourceExhausted, 11)]
    [InlineData(Grpc.Core.StatusCode.Unavailable, 11)]
    public async Task A_refusal_by_the_ACC_is_reported_and_everything_is_undone(Grpc.Core.StatusCode status, int code)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        lab.Acc.Model.AttachFailure = new Grpc.Core.RpcException(new Grpc.Core.Status(status, "addresses: outside 10.244.1.0/24"));

        var answer = (await lab.RunAsync("ADD", pod)).Failed(code);

        Assert.Contains("addresses: outside 10.244.1.0/24", answer.Message, StringComparison.Ordinal);
        await lab.AssertNothingLeftAfterSyncAsync();
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        Assert.Null(links.GetLink("eth0"));

        lab.Acc.Model.AttachFailure = null;
        (await lab.RunAsync("ADD", pod)).Succeeded();
    }

    [Fact]
    public async Task A_missing_reply_fails_in_time_and_everything_is_undone()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Agent"]!["AddTimeoutSeconds"] = 2);
        var pod = lab.NewPod();
        lab.Acc.Model.HangAttach = true;

        (await lab.RunAsync("ADD", pod)).Failed(11);

        await lab.AssertNothingLeftAfterSyncAsync();
    }

    [Fact]
    public async Task The_gateway_from_the_ACCs_reply_is_used()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        lab.Acc.Model.Gateway = [169, 254, 7, 7];
        var pod = lab.NewPod();

        var answer = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;

        Assert.Equal("169.254.7.7", answer["ips"]![0]!["gateway"]!.GetValue<string>());
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        Assert.Contains(links.GetRoutes(), r => Equals(r.Gateway, IPAddress.Parse("169.254.7.7")));
    }
}
