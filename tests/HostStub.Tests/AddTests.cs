using System.Net;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos.V1;

namespace ACCOffload.HostStub.Tests;

public sealed class AddTests
{
    [Theory]
    [InlineData("0.3.0")]
    [InlineData("0.3.1")]
    [InlineData("0.4.0")]
    [InlineData("1.0.0")]
    [InlineData("1.1.0")]
    public async Task Add_creates_the_interface_and_returns_it_in_the_requested_version(string version)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();

        var answer = (await lab.RunAsync("ADD", pod, version)).Succeeded().Output!;

        Assert.Equal(version, answer["cniVersion"]!.GetValue<string>());
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        var eth0 = links.GetLink("eth0")!;
        var reported = Assert.Single(answer["interfaces"]!.AsArray())!;
        Assert.Equal("eth0", reported["name"]!.GetValue<string>());
        Assert.Equal(eth0.Mac.ToString(), reported["mac"]!.GetValue<string>());
        Assert.Equal(pod.Path, reported["sandbox"]!.GetValue<string>());
        Assert.Equal(version == "1.1.0" ? 1500 : null, reported["mtu"]?.GetValue<int>());
        var ip = Assert.Single(answer["ips"]!.AsArray())!;
        Assert.Equal("10.244.1.2/32", ip["address"]!.GetValue<string>());
        Assert.Equal("169.254.1.1", ip["gateway"]!.GetValue<string>());
        Assert.Equal(0, ip["interface"]!.GetValue<int>());
        Assert.Equal(string.CompareOrdinal(version, "1.0.0") < 0 ? "4" : null, ip["version"]?.GetValue<string>());
        Assert.Equal(["169.254.1.1/32", "0.0.0.0/0"], answer["routes"]!.AsArray().Select(r => r!["dst"]!.GetValue<string>()));
    }

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

    [Fact]
    public async Task Add_on_an_existing_interface_fails_and_leaves_it_alone()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        links.CreateVeth(new VethSpec { Name = "eth0", PeerName = "other" });

        var answer = (await lab.RunAsync("ADD", pod)).Failed(999);

        Assert.Contains("eth0 already exists", answer.Message, StringComparison.Ordinal);
        Assert.NotNull(links.GetLink("eth0"));
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task Add_twice_fails_and_the_first_stays()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();

        (await lab.RunAsync("ADD", pod)).Failed(999);

        Assert.Single(lab.DataPlaneLinks());
        Assert.Single(lab.ReservedAddresses());
        Assert.Single(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task Many_pods_at_once()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pods = Enumerable.Range(0, 20).Select(_ => lab.NewPod()).ToArray();

        var answers = await Task.WhenAll(pods.Select(p => lab.RunAsync("ADD", p)));

        foreach (var answer in answers)
        {
            answer.Succeeded();
        }

        Assert.Equal(20, lab.Acc.Model.Pods.SelectMany(e => e.Addresses).Distinct().Count());
        Assert.Equal(20, lab.DataPlaneLinks().Count);
        foreach (var answer in await Task.WhenAll(pods.Select(p => lab.RunAsync("DEL", p))))
        {
            answer.Succeeded();
        }

        lab.AssertNothingLeft();
    }

    [Theory]
    [InlineData(Grpc.Core.StatusCode.InvalidArgument, 7)]
    [InlineData(Grpc.Core.StatusCode.AlreadyExists, 999)]
    [InlineData(Grpc.Core.StatusCode.PermissionDenied, 999)]
    [InlineData(Grpc.Core.StatusCode.ResourceExhausted, 11)]
    [InlineData(Grpc.Core.StatusCode.Unavailable, 11)]
    public async Task A_refusal_of_the_ACC_is_reported_and_everything_is_undone(Grpc.Core.StatusCode status, int code)
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
    public async Task The_gateway_that_the_ACC_names_is_used()
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

    [Fact]
    public async Task The_hosts_namespace_and_a_plain_file_are_error_8()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await Task.Run(() => lab.Request("ADD", pod.ContainerId, "/proc/self/ns/net"))).Failed(8);
        (await Task.Run(() => lab.Request("ADD", pod.ContainerId, lab.ConfigFile))).Failed(8);
        (await Task.Run(() => lab.Request("ADD", pod.ContainerId, "/run/netns/there-is-none"))).Failed(8);
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task Exhausted_addresses_are_error_11_and_STATUS_stays_good()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Subnet = "10.244.1.0/30");
        var (first, second) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", first)).Succeeded();

        var answer = (await lab.RunAsync("ADD", second)).Failed(11);

        Assert.Contains("no IP addresses available", answer.Message, StringComparison.Ordinal);
        (await lab.RunAsync("STATUS", second)).Succeeded();
        Assert.Single(lab.DataPlaneLinks());
        (await lab.RunAsync("DEL", first)).Succeeded();
        (await lab.RunAsync("ADD", second)).Succeeded();
    }
}
