using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Api;

public sealed class OffloadServiceTests : IAsyncLifetime
{
    private ApiFixture _api = null!;
    private Offload.OffloadClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        _client = new Offload.OffloadClient(_api.Connect(_api.Pki.IssueHost()));
    }

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Attach_becomes_an_intent_with_all_fields_and_returns_the_gateway()
    {
        var reply = await _client.AttachAsync(Requests.Attach());
        Assert.Equal(7u, reply.Port);
        Assert.Equal("02acc0000001", Convert.ToHexStringLower(reply.GatewayMac.Span));
        Assert.Equal([169, 254, 1, 1], Assert.Single(reply.Gateways).ToByteArray());
        Assert.Equal(1400u, reply.Mtu);
        var spec = Assert.IsType<AttachIntent>(Assert.Single(_api.Core.Intents)).Spec;
        Assert.Equal("node-1", spec.Node);
        Assert.Equal(ApiOrigin.Offload, spec.Origin);
        Assert.Equal(new ACCOffload.InfraManager.State.Values.AttachmentKey("podnet", "c1", "eth0"), spec.Key);
        Assert.Equal(ACCOffload.InfraManager.State.Values.EndpointKind.Pod, spec.Kind);
        Assert.Equal(DeviceKind.Veth, spec.Device);
        Assert.Equal("acc0123456789a", spec.PortName);
        Assert.Equal("02:00:00:00:00:01", spec.Mac.ToString());
        Assert.Equal("10.244.1.2", Assert.Single(spec.Addresses).ToString());
        Assert.Equal(
            (1400, "default", "web-0", "uid", 3ul, 4ul),
            (spec.Mtu, spec.PodNamespace, spec.PodName, spec.PodUid, spec.Epoch, spec.Sequence));
    }

    [Fact]
    public async Task Host_ports_are_passed_on_and_counted_in_the_reply()
    {
        var request = Requests.Attach();
        request.HostPorts.Add(new PortMapping { Protocol = 6, Port = 8080, PodPort = 80 });
        request.HostPorts.Add(
            new PortMapping { Protocol = 132, Port = 65535, PodPort = 65535, Address = ByteString.CopyFrom(127, 0, 0, 1) });
        var reply = await _client.AttachAsync(request);
        var spec = Assert.IsType<AttachIntent>(Assert.Single(_api.Core.Intents)).Spec;
        Assert.Equal(
            [new HostPort(ProtocolType.Tcp, 8080, 80, null), new HostPort(Transport.Sctp, 65535, 65535, IPAddress.Loopback)],
            spec.HostPorts);
        Assert.Equal(2u, reply.HostPorts);
        Assert.Equal(request, OffloadRequests.FromSpec(spec));
    }

    [Fact]
    public async Task Without_an_mtu_the_nodes_own_is_returned()
    {
        var request = Requests.Attach();
        request.Mtu = 0;
        Assert.Equal(1500u, (await _client.AttachAsync(request)).Mtu);
    }

    public static TheoryData<string, Action<AttachRequest>> Malformed => new()
    {
        { "key: missing", r => r.Key = null },
        { "kind: missing", r => r.Kind = Protos.V1.EndpointKind.Unspecified },
        { "kind: 9 is not an endpoint kind", r => r.Kind = (Protos.V1.EndpointKind)9 },
        { "device: missing", r => r.Device = null },
        { "device.kind: empty", r => r.Device.Kind = "" },
        { "device.kind: \"bridge\" is not supported", r => r.Device.Kind = "bridge" },
        { "device.mac: empty", r => r.Device.Mac = ByteString.Empty },
        { "device.mac: 5 bytes, expected 6", r => r.Device.Mac = ByteString.CopyFrom(1, 2, 3, 4, 5) },
        { "addresses[0]: 3 bytes, expected 4 or 16", r => r.Addresses[0] = ByteString.CopyFrom(1, 2, 3) },
        { "addresses[1]: 0 bytes", r => r.Addresses.Add(ByteString.Empty) },
        { "addresses: 17 addresses, at most 16", r => r.Addresses.AddRange(Enumerable.Repeat(r.Addresses[0], 16)) },
        { "host_ports: 65 host ports, at most 64", r => r.HostPorts.AddRange(Enumerable.Repeat(new PortMapping(), 65)) },
        { "host_ports[0].protocol: 1 is not", r => r.HostPorts.Add(new PortMapping { Protocol = 1, Port = 1, PodPort = 1 }) },
        { "host_ports[0].protocol: 262 is not", r => r.HostPorts.Add(new PortMapping { Protocol = 262, Port = 1, PodPort = 1 }) },
        { "host_ports[0].port: 0 is outside", r => r.HostPorts.Add(new PortMapping { Protocol = 6, PodPort = 1 }) },
        { "host_ports[0].pod_port: 65536 is", r => r.HostPorts.Add(new PortMapping { Protocol = 6, Port = 1, PodPort = 65536 }) },
        {
            "host_ports[0].address: 5 bytes, expected 4 or 16",
            r => r.HostPorts.Add(new PortMapping { Protocol = 6, Port = 1, PodPort = 1, Address = ByteString.CopyFrom(1, 2, 3, 4, 5) })
        },
        { "mtu: 65536 is larger than 65535", r => r.Mtu = 65536 },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_attach_names_the_field_and_changes_nothing(string message, Action<AttachRequest> corrupt)
    {
        var request = Requests.Attach();
        corrupt(request);
        var e = await Assert.ThrowsAsync<RpcException>(async () => await _client.AttachAsync(request));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.StartsWith(message, e.Status.Detail, StringComparison.Ordinal);

        Assert.Empty(_api.Core.Intents);
        // In a Sync only that item fails; the others are applied.
        var reply = await _client.SyncAsync(new SyncRequest { Attachments = { request, Requests.Attach() } });
        var failure = reply.Failures[0];
        Assert.Equal((0u, request.Key), (failure.Index, failure.Key));
        Assert.StartsWith(request.Key is null ? $"attachments[0].{message}" : message, failure.Message, StringComparison.Ordinal);
        var intent = Assert.IsType<SyncIntent>(Assert.Single(_api.Core.Intents));
        Assert.Equal("c1", Assert.Single(intent.Attachments).Key.ContainerId);
        Assert.Equal(0, Assert.Single(intent.Unreadable).Index);
    }

    [Theory]
    [InlineData(nameof(IntentError.AlreadyExists))]
    [InlineData(nameof(IntentError.ResourceExhausted))]
    [InlineData(nameof(IntentError.Unavailable))]
    [InlineData(nameof(IntentError.FailedPrecondition))]
    [InlineData(nameof(IntentError.Internal))]
    public async Task A_refusal_keeps_its_code_and_message(string name)
    {
        var code = Enum.Parse<IntentError>(name);
        _api.Core.Refusal = new IntentException(code, "because", "device.mac");
        foreach (var call in new Func<Task>[]
        {
            async () => await _client.AttachAsync(Requests.Attach()),
            async () => await _client.DetachAsync(new DetachRequest { Key = Requests.Attach().Key }),
            async () => await _client.SyncAsync(new SyncRequest()),
        })
        {
            var e = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal((StatusCode)(int)code, e.StatusCode);
            Assert.Equal("device.mac: because", e.Status.Detail);
        }
    }

    [Fact]
    public async Task Detach_and_sync_become_intents()
    {
        Assert.True((await _client.DetachAsync(new DetachRequest { Key = Requests.Attach().Key, Epoch = 1, Sequence = 2 })).Removed);
        var reply = await _client.SyncAsync(new SyncRequest { Epoch = 5, Sequence = 6, Attachments = { Requests.Attach() } });
        Assert.Equal((1u, 0u, 1u), (reply.Kept, reply.Added, reply.Removed));
        Assert.Equal(("device.mac: held", 99u), (Assert.Single(reply.Failures).Message, reply.Failures[0].Index));
        var detach = Assert.IsType<DetachIntent>(_api.Core.Intents[0]);
        Assert.Equal(("node-1", ApiOrigin.Offload, 1ul, 2ul), (detach.Node, detach.Origin, detach.Epoch, detach.Sequence));
        var sync = Assert.IsType<SyncIntent>(_api.Core.Intents[1]);
        Assert.Equal(("node-1", 5ul, 6ul), (sync.Node, sync.Epoch, sync.Sequence));
    }

    [Fact]
    public async Task Begin_returns_the_epoch_and_the_attachments_as_their_requests()
    {
        await _client.AttachAsync(Requests.Attach());
        _api.Core.StoredEndpoints.Add(
            new EndpointView(new Endpoint(1, Assert.IsType<AttachIntent>(_api.Core.Intents[0]).Spec, true), 7, true));
        var reply = await _client.BeginAsync(new BeginRequest { Agent = "host-a.0123" });
        Assert.Equal(3ul, reply.Epoch);
        Assert.Equal(Requests.Attach(), Assert.Single(reply.Attachments));
        Assert.Equal(
            ("node-1", "host-a.0123"), Assert.IsType<BeginIntent>(_api.Core.Intents[1]) is var begin ? (begin.Node, begin.Agent) : default);
        foreach (var (name, message) in new[] { (
            "", "agent: empty"), ("a b", "agent: only letters"), (new string('a', 65), "agent: longer than 64 bytes") })
        {
            var e = await Assert.ThrowsAsync<RpcException>(async () => await _client.BeginAsync(new BeginRequest { Agent = name }));
            Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
            Assert.StartsWith(message, e.Status.Detail, StringComparison.Ordinal);
        }
        Assert.Equal(2, _api.Core.Intents.Count);
    }

    [Fact]
    public async Task The_largest_list_of_the_largest_attachments_fits_in_both_directions()
    {
        var longest = Longest(0);
        Assert.InRange(longest.CalculateSize() + 4, 1, ProtocolLimits.MaxAttachmentBytes);
        var sync = new SyncRequest { Epoch = ulong.MaxValue, Sequence = ulong.MaxValue };
        sync.Attachments.AddRange(Enumerable.Range(0, ProtocolLimits.MaxAttachments).Select(Longest));
        Assert.Equal((uint)ProtocolLimits.MaxAttachments, (await _client.SyncAsync(sync)).Kept);
        var intent = Assert.IsType<SyncIntent>(Assert.Single(_api.Core.Intents));
        _api.Core.StoredEndpoints.AddRange(intent.Attachments.Select((s, i) => new EndpointView(new Endpoint(i + 1, s, true), 7, true)));
        using var channel = _api.Connect(_api.Pki.IssueHost(), maxReceive: ProtocolLimits.MaxMessageBytes);
        Assert.Equal(sync.Attachments, (await new Offload.OffloadClient(channel).BeginAsync(new BeginRequest { Agent = "a" })).Attachments);

        sync.Attachments.Add(Requests.Attach());
        var e = await Assert.ThrowsAsync<RpcException>(async () => await _client.SyncAsync(sync));
        Assert.Equal((StatusCode.InvalidArgument, "attachments: 4097 attachments, at most 4096"), (e.StatusCode, e.Status.Detail));

        static AttachRequest Longest(int number)
        {
            string Text(int length) => number.ToString("d4", System.Globalization.CultureInfo.InvariantCulture).PadRight(length, 'x');
            var request = new AttachRequest
            {
                Key = new Protos.V1.AttachmentKey { Network = Text(256), ContainerId = Text(256), InterfaceName = Text(63) },
                Kind = Protos.V1.EndpointKind.Pod,
                Device = new Device { Kind = "ipvlan", PortName = Text(63), Mac = ByteString.CopyFrom(2, 0, 0, 0, 0, 1) },
                Mtu = 65535,
                PodNamespace = Text(256),
                PodName = Text(256),
                PodUid = Text(256),
                Epoch = ulong.MaxValue,
                Sequence = ulong.MaxValue,
            };
            request.Addresses.AddRange(Enumerable.Range(0, 16).Select(i => ByteString.CopyFrom(new byte[16])));
            request.HostPorts.AddRange(Enumerable.Range(0, 64).Select(i => new PortMapping
            {
                Protocol = 132,
                Port = 65535,
                PodPort = 65535,
                Address = ByteString.CopyFrom(new byte[16]),
            }));
            return request;
        }
    }

    [Theory]
    [InlineData(null, "key: missing")]
    [InlineData("", "key.container_id: empty")]
    [InlineData("a\nb", "key.container_id: contains a control character")]
    public async Task A_malformed_detach_names_the_field(string? container, string message)
    {
        var key = container is null ? null : new Protos.V1.AttachmentKey { Network = "n", ContainerId = container, InterfaceName = "eth0" };
        var e = await Assert.ThrowsAsync<RpcException>(async () => await _client.DetachAsync(new DetachRequest { Key = key }));
        Assert.Equal((StatusCode.InvalidArgument, message), (e.StatusCode, e.Status.Detail));
        Assert.Empty(_api.Core.Intents);
    }

    [Fact]
    public async Task Status_reports_whether_attachments_can_succeed()
    {
        var reply = await _client.StatusAsync(new StatusRequest());
        Assert.True(reply.Ready);
        Assert.Equal("", reply.Reason);
        Assert.NotEmpty(reply.Version);
        _api.Core.Ready = false;
        reply = await _client.StatusAsync(new StatusRequest());
        Assert.False(reply.Ready);
        Assert.Equal("Target: not connected", reply.Reason);
    }
}
