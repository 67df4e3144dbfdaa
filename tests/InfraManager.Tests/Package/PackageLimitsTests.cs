using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>What the packages can't do is left out and reported, or refused.</summary>
public sealed class PackageLimitsTests
{
    private static readonly ServiceLimits Es2k = PipelineProfiles.Es2k2401.Services!;
    private static readonly ServiceLimits Dpdk = PipelineProfiles.Dpdk2401.Services!;

    [Fact]
    public void Supported_services_are_not_modified()
    {
        var spec = TestService.Of(1, TestService.Pod(1), TestService.Host());
        Assert.Same(spec, Es2k.Limit(spec));
        spec = TestService.Of(1, TestService.Pod(1), TestService.Remote(2));
        Assert.Same(spec, Dpdk.Limit(spec));
        Dpdk.Demand(spec);
        Assert.Null(PipelineProfiles.K8sDp.Services);
    }

    [Fact]
    public void Unsupported_features_are_removed_and_reported()
    {
        Frontend node = new(IPAddress.Parse("192.0.2.10"), 30080, FrontendKind.NodePort, FlowTarget.Cluster, FlowTarget.Cluster,
            true, true, []);
        var port = TestService.Port(1, ProtocolType.Tcp, 80, TestService.Pod(1), TestService.Remote(2));
        var spec = new ServiceSpec(TestService.Key(1),
        [
            port with { AffinitySeconds = 60, Frontends = [.. port.Frontends, node] },
            TestService.Port(1, Transport.Sctp, 80, TestService.Pod(1)),
            TestService.Port(1, ProtocolType.Tcp, 81, TestService.Pod(1)),
        ]);
        var limited = Es2k.Limit(spec);
        Assert.Equal(
            [
                "frontend 192.0.2.10:30080/TCP: is not served: es2k-24.01 supports only one cluster IP per port",
                "affinity of port 80/TCP: is not applied: es2k-24.01 does not support it",
                "backends of port 80/TCP: are partly unused: 1 of 2 are on other nodes, and es2k-24.01 supports only this node's",
                "port 80/SCTP: is not served: es2k-24.01 supports only TCP and UDP services",
                "backends of port 81/TCP: are partly unused: another port of the service has 1 of 1, and es2k-24.01 can translate "
                + "a backend's replies to only one frontend",
            ],
            limited.Problems.Select(p => $"{p.Subject}: {p.Reason}"));
        var events = new List<ClusterEvent>();
        new ServiceEvents(events.Add, _ => "uid").Report(spec.Key, limited);
        Assert.Equal(["AddressNotServed", "AffinityNotApplied", "BackendsNotServed", "PortNotServed"], events.Select(e => e.Reason));
        Assert.Equal([1, 0, 1], limited.Ports.Select(p => p.Frontends.Count));
        Assert.Equal(0, limited.Ports[0].AffinitySeconds);
        // Applying the limits again changes nothing.
        Assert.Equal(limited, Es2k.Limit(limited));
        var e = Assert.Throws<IntentException>(() => Es2k.Demand(spec));
        Assert.Equal((IntentError.InvalidArgument, "ports[0]"), (e.Code, e.Field));
    }

    [Theory]
    [InlineData("es2k-24.01")]
    [InlineData("dpdk-24.01")]
    public async Task A_backend_belongs_to_one_service_until_it_is_released(string name)
    {
        Assert.Null(PipelineProfiles.Parse(name, out var profile));
        await using var harness = await StartAsync(profile);
        await harness.AttachAsync(PackageHarness.Pod(1));
        await harness.SetAsync(TestService.Of(1, TestService.Pod(1)));
        var rows = harness.Server.Lines();
        var e = await Assert.ThrowsAsync<IntentException>(() => harness.SetAsync(TestService.Of(2, TestService.Pod(1))));
        Assert.Equal((IntentError.AlreadyExists, "ports[0].backends"), (e.Code, e.Field));
        Assert.Contains("10.244.0.1:8080 is a backend of service default/service-1", e.Message, StringComparison.Ordinal);
        Assert.Equal(rows, harness.Server.Lines());
        // Another protocol or port is another backend.
        await harness.SetAsync(TestService.Of(3, TestService.Pod(1, port: 9090)));
        await harness.SetAsync(new ServiceSpec(TestService.Key(4), [TestService.Port(4, ProtocolType.Udp, 53, TestService.Pod(1))]));

        await harness.RemoveAsync(1);
        await harness.SetAsync(TestService.Of(2, TestService.Pod(1)));
        await harness.SettledAsync();
        Assert.DoesNotContain(harness.Server.Lines(), l => l.Contains("a600001", StringComparison.Ordinal));
        Assert.Contains(harness.Server.Lines(), l => l.Contains("a600002", StringComparison.Ordinal));
        await harness.ReopenAsync();
        Assert.Empty(harness.Server.Refused);
    }

    [Fact]
    public async Task Row_IDs_are_reused_and_exhaustion_is_a_clear_error()
    {
        await using var harness = await StartAsync(PipelineProfiles.Es2k2401);
        await harness.AttachAsync(PackageHarness.Pod(1));
        for (var i = 0; i < 40; i++)
        {
            // 129 IDs each time: over all rounds, more than exist.
            await harness.SetAsync(new ServiceSpec(TestService.Key(1), [Port(0, 64), Port(64, 128)]));
            await harness.SetAsync(TestService.Of(1));
        }

        var used = harness.Programmer.Services[TestService.Key(1)].State.Ports.SelectMany(p => p.Backends).Select(b => b.Id).ToList();
        Assert.All(used, id => Assert.InRange(id, 1u, 4095u));
        Assert.Equal(used.Count, used.Distinct().Count());

        var service = 2;
        IntentException? refusal = null;
        while (refusal is null && service < 60)
        {
            try
            {
                await harness.SetAsync(new ServiceSpec(TestService.Key(service),
                    [Port(1000 * service, (1000 * service) + 63), Port((1000 * service) + 64, (1000 * service) + 127)]));
                service++;
            }
            catch (IntentException e)
            {
                refusal = e;
            }
        }

        Assert.Equal(IntentError.ResourceExhausted, refusal!.Code);
        Assert.Contains("all 4095 row numbers of es2k-24.01 are in use", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(TestService.Key(service), harness.Programmer.Services.Keys);

        static ServicePortSpec Port(int from, int to) =>
            TestService.Port(1 + (from / 1000), ProtocolType.Tcp, (ushort)(80 + (from % 1000)),
                [.. Enumerable.Range(from + 1, to - from).Select(p => TestService.Pod(1, port: (ushort)p))]);
    }

    [Fact]
    public async Task Services_compiled_for_another_pipeline_are_compiled_again()
    {
        await using var harness = await StartAsync(PipelineProfiles.Dpdk2401);
        await harness.SetAsync(TestService.Of(1, TestService.Remote(1)));
        await harness.SetAsync(TestService.Of(2, TestService.Pod(2)));
        await harness.CloseAsync();
        harness.Server.Load(PackageInfo.Es2k());
        harness.Node = harness.Node with { Profile = PipelineProfiles.Es2k2401, Devices = new DeviceRules { PortRule = PortRule.Mac } };
        harness.Open();
        await harness.ReadyAsync();
        // The service that fits stays; the other is learned from the cluster again.
        Assert.Equal([TestService.Key(2)], harness.Programmer.Services.Keys);
        await harness.AttachAsync(PackageHarness.Pod(2));
        await harness.SettledAsync();
        Assert.Equal(64, harness.Server.Lines("tx_balance").Length);
    }

    [Fact]
    public void IDs_of_a_package_are_not_reused_after_a_switch_to_our_own_pipeline()
    {
        var model = new NetworkModel();
        var package = new ServiceAdmission(model, TestNode.Settings with { Profile = PipelineProfiles.Dpdk2401 });
        var spec = TestService.Of(1, [.. Enumerable.Range(1, 50).Select(i => TestService.Remote(i))]);
        package.Set(new ServiceIntent(spec.Key, spec), new AdmissionContext());
        var ours = new ServiceAdmission(model, TestNode.Settings);
        ours.Adapt();
        spec = TestService.Of(2, [.. Enumerable.Range(1, 50).Select(i => TestService.Remote(i))]);
        ours.Set(new ServiceIntent(spec.Key, spec), new AdmissionContext());
        uint[] backends = [.. model.Services.Values.SelectMany(s => s.Ports[0].Backends).Select(b => b.Id)];
        Assert.Equal(100, backends.Distinct().Count());
        Assert.Equal(2, model.Services.Values.Select(s => s.Ports[0].Frontends[0].Id).Distinct().Count());
    }

    [Fact]
    public async Task Masquerading_is_refused()
    {
        await using var harness = await StartAsync(PipelineProfiles.Es2k2401);
        var e = await Assert.ThrowsAsync<IntentException>(() =>
            harness.Programmer.SubmitAsync(new SnatAddressIntent(IPAddress.Parse("192.0.2.10")), default));
        Assert.Equal("es2k-24.01 does not support masquerading", e.Message);
        await harness.Programmer.SubmitAsync(new SnatAddressIntent(null), default);
    }

    [Fact]
    public void The_255th_vport_is_refused_until_one_is_free()
    {
        var model = new NetworkModel();
        var context = new AdmissionContext();
        var judge = new EndpointAdmission(model,
            TestNode.Settings with { Devices = new DeviceRules { PortRule = PortRule.Mac, MaxPorts = DeviceRules.MaxVports } });
        for (var i = 0; i < 254; i++)
        {
            judge.Attach(Vport(i), context);
        }

        var e = Assert.Throws<IntentException>(() => judge.Attach(Vport(254), context));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        Assert.Equal("device: all 254 ports are in use (Devices:MaxPorts in the ACC's configuration)", e.Message);
        Assert.Equal(254, model.Endpoints.Count);
        // Existing vports may be attached again and changed, and a new one fits once another is gone.
        judge.Attach(Vport(7), context);
        judge.Attach(Vport(7) with { PortName = "other" }, context);
        Assert.True(judge.Detach(TestNode.Detach(Vport(7))));
        judge.Attach(Vport(254), context);

        static EndpointSpec Vport(int number) =>
            TestNode.Pod(number) with { Device = DeviceKind.VirtualFunction, Mac = new MacAddress(((ulong)number << 32) | 0x0314) };
    }

    [Fact]
    public void The_vport_limit_can_be_lowered_and_counts_children_of_one_port_once()
    {
        var model = new NetworkModel();
        var context = new AdmissionContext();
        var judge = new EndpointAdmission(model, TestNode.Settings with { Devices = new DeviceRules { MaxPorts = 2 } });
        var parent = TestNode.Pod(1) with { Device = DeviceKind.Ipvlan };
        judge.Attach(parent, context);
        judge.Attach(TestNode.Pod(2) with { Device = DeviceKind.Ipvlan, Mac = parent.Mac, PortName = parent.PortName }, context);
        judge.Attach(TestNode.Pod(3), context);
        judge.Attach(TestNode.Pod(4) with { Device = DeviceKind.Ipvlan, Mac = parent.Mac, PortName = parent.PortName }, context);
        Assert.Equal(IntentError.ResourceExhausted, Assert.Throws<IntentException>(() => judge.Attach(TestNode.Pod(5), context)).Code);
    }

    [Fact]
    public void The_ACCs_own_vports_cannot_be_attached()
    {
        var model = new NetworkModel();
        var context = new AdmissionContext();
        var node = TestNode.Settings with
        {
            OwnMacs = [MacAddress.Parse("00:09:00:00:03:14")],
            Devices = new DeviceRules { PortRule = PortRule.Mac }
        };
        var taker = TestNode.Pod(1) with { Mac = MacAddress.Parse("02:09:00:00:00:01") };
        var e = Assert.Throws<IntentException>(() => new EndpointAdmission(model, node).Attach(taker, context));
        Assert.Equal("device.mac: 02:09:00:00:00:01 maps to port 25, which the ACC uses itself", e.Message);
        // Where the target assigns port numbers, a MAC does not determine one.
        new EndpointAdmission(model, node with { Devices = DeviceRules.None }).Attach(taker, context);
    }

    private static Task<PackageHarness> StartAsync(PipelineProfile profile) =>
        PackageHarness.StartAsync(profile, profile == PipelineProfiles.Es2k2401 ? PackageInfo.Es2k() : PackageInfo.Dpdk());
}
