using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Model;

/// <summary>A pod's host ports are a service that comes and goes with the pod.</summary>
public sealed class HostPortTests
{
    private static readonly HostPort Web = new(ProtocolType.Tcp, 8080, 80, null);

    private readonly NetworkModel _model = new();
    private readonly AdmissionControl _admission;

    public HostPortTests()
    {
        _admission = new AdmissionControl(_model, TestNode.Settings);
        Admit(TestNode.Begin);
    }

    [Fact]
    public void Host_ports_are_served_at_the_nodes_address_until_the_pod_is_detached()
    {
        Attach(Pod(1, Web, new HostPort(ProtocolType.Udp, 53, 5353, IPAddress.Parse("192.0.2.10"))));
        Assert.Equal(
            ["192.0.2.10:8080/TCP -> 10.244.0.1:80", "192.0.2.10:53/UDP -> 10.244.0.1:5353"],
            Served());
        var service = Assert.Single(_model.Services.Values);
        Assert.True(HostPortService.Is(service.Key));
        // The source is kept, and no flow goes elsewhere.
        Assert.All(service.Spec.Ports.SelectMany(p => p.Frontends), f => Assert.Equal(
            (FrontendKind.HostPort, FlowTarget.Local, FlowTarget.Local, false, false),
            (f.Kind, f.Inside, f.Outside, f.MasqueradeInside, f.MasqueradeOutside)));
        Admit(TestNode.Detach(Pod(1)));
        Assert.Empty(_model.Services.Values);
    }

    [Fact]
    public void A_repeated_request_changes_nothing_and_a_changed_port_replaces_the_old_one()
    {
        Attach(Pod(1, Web));
        var before = Assert.Single(_model.Services.Values);
        Attach(Pod(1, Web) with { Sequence = 7, Epoch = 1 });
        Assert.Same(before, Assert.Single(_model.Services.Values));
        Attach(Pod(1, Web with { Port = 9090 }) with { Sequence = 8, Epoch = 1 });
        Assert.Equal(["192.0.2.10:9090/TCP -> 10.244.0.1:80"], Served());
        Assert.Equal(before.Id, Assert.Single(_model.Services.Values).Id);
        // No service takes new flows on the old port.
        Assert.Null(_model.Services.LiveHolderOf(Frontend(8080)));
        Attach(Pod(2, Web));
        Assert.Equal(["192.0.2.10:9090/TCP -> 10.244.0.1:80", "192.0.2.10:8080/TCP -> 10.244.0.2:80"], Served());
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, "192.0.2.10", true)]
    [InlineData("0.0.0.0", "192.0.2.10", true)]
    [InlineData("192.0.2.10", "192.0.2.10", true)]
    [InlineData(null, "127.0.0.1", true)]
    [InlineData("192.0.2.10", "127.0.0.1", false)]
    [InlineData("::", "0.0.0.0", false)]
    [InlineData("::", null, true)]
    public void The_later_of_two_pods_with_the_same_host_port_is_refused(string? first, string? second, bool conflicts)
    {
        Attach(Pod(1, At(first)) with { PodNamespace = "default" });
        var later = Pod(2, new HostPort(ProtocolType.Udp, 8080, 80, null), At(second));
        if (!conflicts)
        {
            Attach(later);
            return;
        }

        var e = Refused(IntentError.AlreadyExists, later);
        Assert.Equal("host_ports[1]", e.Field);
        Assert.EndsWith("is already a host port of pod default/pod-1", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, _model.Endpoints.Count);
        Admit(TestNode.Detach(Pod(1)));
        Attach(later);

        static HostPort At(string? address) => Web with { Address = address is null ? null : IPAddress.Parse(address) };
    }

    [Fact]
    public void A_node_port_that_was_there_first_keeps_its_port()
    {
        Set(NodePort(1, 8080));
        var e = Refused(IntentError.AlreadyExists, Pod(1, new HostPort(ProtocolType.Tcp, 81, 81, null), Web));
        Assert.Equal("host_ports[1]: 192.0.2.10:8080/TCP belongs to service default/service-1", e.Message);
        Assert.Empty(_model.Endpoints.Values);
        // A pod in a Sync is attached nevertheless: it is already running.
        var sync = Admit(TestNode.Sync(9, Pod(1, Web) with { Sequence = 9, Epoch = 1 }));
        Assert.Empty(sync.Failures);
        Assert.Equal("unserved: frontend 192.0.2.10:8080/TCP is not served: it belongs to service default/service-1", Problems());
        Admit(new ServiceIntent(TestService.Key(1), null));
        Assert.Equal(["192.0.2.10:8080/TCP -> 10.244.0.1:80"], Served());
    }

    [Fact]
    public void A_service_that_comes_later_takes_the_port_and_gives_it_back()
    {
        Attach(Pod(1, Web, Web with { Port = 8081 }));
        Set(NodePort(1, 8080));
        Assert.Equal(TestService.Key(1), _model.Services.LiveHolderOf(Frontend(8080))!.Key);
        Assert.Contains("192.0.2.10:8081/TCP -> 10.244.0.1:80", Served());
        Assert.Equal("frontend 192.0.2.10:8080/TCP is not served: it belongs to service default/service-1", Problems());
        // Repeating the pod's request does not claim the port again.
        Attach(Pod(1, Web, Web with { Port = 8081 }) with { Sequence = 3, Epoch = 1 });
        Set(NodePort(1, 8085));
        Assert.Equal("", Problems());
        Assert.True(HostPortService.Is(_model.Services.LiveHolderOf(Frontend(8080))!.Key));
    }

    [Theory]
    [InlineData("127.0.0.1", "host port 127.0.0.1:8080/TCP is not served: packets to a loopback address do not leave the host")]
    [InlineData("192.0.2.99", "host port 192.0.2.99:8080/TCP is not served: 192.0.2.99 is not one of the node's addresses")]
    [InlineData("::", "host port [::]:8080/TCP is not served: this pipeline carries IPv4 only")]
    [InlineData("fd00::1", "host port [fd00::1]:8080/TCP is not served: this pipeline carries IPv4 only")]
    public void A_pod_whose_host_port_cannot_be_served_is_attached_and_the_reason_is_shown(string address, string problem)
    {
        Attach(Pod(1, Web with { Address = IPAddress.Parse(address) }));
        Assert.Empty(Served());
        Assert.StartsWith("unserved: " + problem, Problems(), StringComparison.Ordinal);
        Admit(TestNode.Detach(Pod(1)));
        Assert.Empty(_model.Services.Values);
    }

    [Fact]
    public void A_mapping_for_one_address_takes_precedence_over_one_for_all()
    {
        Attach(Pod(1, Web, Web with { PodPort = 81, Address = IPAddress.Parse("192.0.2.10") }));
        Assert.Equal(["192.0.2.10:8080/TCP -> 10.244.0.1:81"], Served());
    }

    [Fact]
    public void A_port_from_which_the_pipeline_masquerades_is_reported()
    {
        Attach(Pod(1, Web with { Port = 12345 }));
        Assert.Equal(["192.0.2.10:12345/TCP -> 10.244.0.1:80"], Served());
        Assert.Equal(
            "host port 12345/TCP is in Node:MasqueradePorts (12000-29999): a masqueraded flow that gets this source port fails",
            Problems());
    }

    [Fact]
    public void Undo_restores_the_service_with_the_pod()
    {
        Attach(Pod(1, Web));
        var before = Assert.Single(_model.Services.Values);
        _admission.Admit(TestNode.Detach(Pod(1)), new AdmissionContext());
        _admission.Admit(new AttachIntent(Pod(2, Web)), new AdmissionContext());
        _admission.Undo();
        Assert.Same(before, Assert.Single(_model.Services.Values));
        Assert.Equal(before.Id, _model.Services.LiveHolderOf(Frontend(8080))!.Id);
    }

    [Fact]
    public void A_Sync_exchanges_the_ports_of_two_pods_and_removes_what_it_does_not_list()
    {
        Attach(Pod(1, Web) with { Sequence = 1, Epoch = 1 });
        Attach(Pod(2, Web with { Port = 8081 }) with { Sequence = 2, Epoch = 1 });
        Attach(Pod(3, Web with { Port = 8082 }) with { Sequence = 3, Epoch = 1 });
        var sync = Admit(TestNode.Sync(
            5, Pod(1, Web with { Port = 8081 }) with { Sequence = 4, Epoch = 1 }, Pod(2, Web) with { Sequence = 5, Epoch = 1 }));
        Assert.Empty(sync.Failures);
        Assert.Equal(["192.0.2.10:8081/TCP -> 10.244.0.1:80", "192.0.2.10:8080/TCP -> 10.244.0.2:80"], Served());
        // Two pods want the same port: the first one gets it.
        sync = Admit(TestNode.Sync(
            9, Pod(1, Web with { Port = 99 }) with { Sequence = 6, Epoch = 1 }, Pod(2, Web with { Port = 99 }) with
            {
                Sequence = 7,
                Epoch = 1
            }));
        Assert.Equal("host_ports[0]", Assert.Single(sync.Failures).Error.Field);
        Assert.Equal(["192.0.2.10:99/TCP -> 10.244.0.1:80", "192.0.2.10:8080/TCP -> 10.244.0.2:80"], Served());
        Admit(new ResetHostIntent("node-1"));
        Assert.Empty(_model.Services.Values);
    }

    [Fact]
    public void Only_the_pods_own_requests_change_its_service()
    {
        Attach(Pod(1, Web));
        var key = Assert.Single(_model.Services.Keys);
        foreach (var spec in new[] { null, TestService.Of(1) with { Key = key } })
        {
            var e = Assert.Throws<IntentException>(() => new ServiceIntent(key, spec).Validate(TestNode.Settings));
            Assert.Equal((IntentError.InvalidArgument, "namespace"), (e.Code, e.Field));
        }

        Admit(new RemoveEndpointsIntent { Key = TestNode.Key(1) });
        Assert.Empty(_model.Services.Values);
    }

    [Fact]
    public void Host_ports_follow_the_nodes_addresses_and_its_pipeline()
    {
        Attach(Pod(1, Web));
        var moved = new AdmissionControl(_model, TestNode.Settings with
        {
            NodeAddresses = [IPAddress.Parse("192.0.2.11"), IPAddress.Parse("192.0.2.12")],
        });
        moved.Services.FollowNode();
        Assert.Equal(["192.0.2.11:8080/TCP -> 10.244.0.1:80", "192.0.2.12:8080/TCP -> 10.244.0.1:80"], Served());

        var package = new AdmissionControl(_model, TestNode.Settings with { Profile = PipelineProfiles.Dpdk2401 });
        package.Services.Adapt();
        package.Services.FollowNode();
        Assert.Equal("unserved: host port 8080/TCP is not served: dpdk-24.01 does not support host ports", Problems());

        _admission.Services.Adapt();
        _admission.Services.FollowNode();
        Assert.Equal(["192.0.2.10:8080/TCP -> 10.244.0.1:80"], Served());
    }

    [Fact]
    public void The_change_of_a_pod_is_blamed_for_the_entries_of_its_host_ports()
    {
        var changed = new List<(OwnerId Owner, AttachmentKey Key)>();
        _admission.Admit(new AttachIntent(Pod(1, Web)), new AdmissionContext { Changed = (owner, key) => changed.Add((owner, key)) });
        var service = Assert.Single(_model.Services.Values);
        Assert.Contains((OwnerId.OfService(service.Id), TestNode.Key(1)), changed);
    }

    [Fact]
    public void A_node_has_a_limited_number_of_host_ports()
    {
        static EndpointSpec Many(int number, int count) => Pod(number, [.. Enumerable.Range(1, count).Select(i =>
            new HostPort(ProtocolType.Udp, (ushort)((number * 64) + i), 80, null))]);
        for (var i = 0; i < 64; i++)
        {
            Attach(Many(i, 64));
        }

        Assert.Equal("host_ports", Refused(IntentError.ResourceExhausted, Many(64, 1)).Field);
        Attach(TestNode.Pod(64));
        Attach(Many(0, 63));
        Attach(Many(65, 1));
        Refused(IntentError.ResourceExhausted, Many(0, 64));
    }

    [Fact]
    public void Invalid_host_ports_are_refused_with_their_index()
    {
        AssertInvalid("host_ports", "only a pod", TestNode.Host() with { HostPorts = [Web] });
        AssertInvalid("host_ports[1]", "listed twice", Pod(1, Web, Web with { PodPort = 81 }));
        AssertInvalid("host_ports[0]", "SCTP with a port change (8080 to 80)", Pod(1, Web with { Protocol = Transport.Sctp }));
        EndpointRules.Check(Pod(1, new HostPort(Transport.Sctp, 80, 80, null)), TestNode.Settings);
        foreach (var profile in new[] { PipelineProfiles.Dpdk2401, PipelineProfiles.Es2k2401 })
        {
            var e = Assert.Throws<IntentException>(
                () => EndpointRules.Check(Pod(1, Web), TestNode.Settings with { Profile = profile }));
            Assert.StartsWith($"host_ports: {profile.Name} does not support host ports", e.Message, StringComparison.Ordinal);
        }

        static void AssertInvalid(string field, string reason, EndpointSpec spec)
        {
            var e = Assert.Throws<IntentException>(() => EndpointRules.Check(spec, TestNode.Settings));
            Assert.Equal((IntentError.InvalidArgument, field), (e.Code, e.Field));
            Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        }
    }

    private static EndpointSpec Pod(int number, params HostPort[] ports) => TestNode.Pod(number) with { HostPorts = [.. ports] };

    private static FrontendKey Frontend(ushort port) => new(IPAddress.Parse("192.0.2.10"), ProtocolType.Tcp, port);

    private static ServiceSpec NodePort(int number, ushort port)
    {
        var spec = TestService.Of(number, TestService.Remote(1));
        var frontend = new Frontend(IPAddress.Parse("192.0.2.10"), port, FrontendKind.NodePort, FlowTarget.Cluster, FlowTarget.Cluster,
            true, true, []);
        return spec with { Ports = [spec.Ports[0] with { Frontends = [.. spec.Ports[0].Frontends, frontend] }] };
    }

    private void Set(ServiceSpec spec) => Admit(new ServiceIntent(spec.Key, spec));

    private void Attach(EndpointSpec spec) => Admit(new AttachIntent(spec));

    private T Admit<T>(Intent<T> intent)
    {
        var outcome = _admission.Admit(intent.Validate(TestNode.Settings), new AdmissionContext());
        _admission.Forget();
        return outcome;
    }

    private IntentException Refused(IntentError code, EndpointSpec spec)
    {
        var e = Assert.Throws<IntentException>(() => Attach(spec));
        Assert.Equal(code, e.Code);
        Assert.Equal(0, _model.Mark);
        return e;
    }

    /// <summary>The frontends of host ports that take new flows, and where these go, by pod.</summary>
    private string[] Served() => [.. _model.Services.Values.Where(s => HostPortService.Is(s.Key)).OrderBy(s => s.Id)
        .SelectMany(s => s.Ports.Zip(s.Spec.Ports).SelectMany(p => p.First.Frontends.Where(f => !f.Retired)
            .Select(f => $"{f.Key} -> {Assert.Single(p.First.Backends, b => !b.Draining).Key}")))];

    /// <summary>What is wrong with the host ports.</summary>
    private string Problems()
    {
        var spec = Assert.Single(_model.Services.Values, s => HostPortService.Is(s.Key)).Spec;
        return (spec.IsUnserved ? "unserved: " : "") + string.Join("; ", spec.Problems.Select(p => $"{p.Subject} {p.Reason}"));
    }
}
