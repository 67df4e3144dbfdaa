using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using ModelKey = ACCOffload.InfraManager.State.Values.AttachmentKey;

namespace ACCOffload.InfraManager.Tests.CommandLine;

public sealed class CtlTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Status_has_a_table_and_JSON()
    {
        var text = await RunAsync("status");
        Assert.Contains("target state    primary", text, StringComparison.Ordinal);
        Assert.Contains("pipeline        k8s_dp, cookie 0123456789abcdef", text, StringComparison.Ordinal);
        var json = JsonNode.Parse(await RunAsync("--json", "status"))!;
        Assert.Equal("node-1", (string?)json["node"]);
        Assert.True((bool)json["ready"]!);
        Assert.True((bool)json["reconciled"]!);
        Assert.Equal("0123456789abcdef", (string?)json["cookie"]);
        Assert.Equal("02:ac:c0:00:00:01", (string?)json["gatewayMac"]);
        Assert.Equal(3, (int)json["writesSent"]!);
        Assert.Equal(7, (int)json["reconcileModified"]!);
    }

    [Fact]
    public async Task Endpoints_have_a_table_and_JSON()
    {
        Assert.Equal("no ports", (await RunAsync("vports")).Trim());
        Assert.Equal("no endpoints", (await RunAsync("endpoints")).Trim());
        AddEndpoint();
        var text = await RunAsync("endpoints");
        Assert.Contains("default/web-0", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Split('\n'), l => l.EndsWith(' '));
        var endpoint = JsonNode.Parse(await RunAsync("endpoints", "--json"))!["endpoints"]![0]!;
        Assert.Equal(
            ("10.244.1.2", 7, "programmed", "c1"),
            ((string?)endpoint["addresses"]![0], (int)endpoint["port"]!, (string?)endpoint["state"], (string?)endpoint["containerId"]));
    }

    [Fact]
    public async Task Tables_show_readable_values_in_a_stable_order()
    {
        AddRow("10.244.1.9", 9);
        AddRow("10.244.1.2", 7);
        var text = await RunAsync("tables", "pods");
        Assert.Contains("pods: 2 of ", text, StringComparison.Ordinal);
        Assert.Contains("to_pod(port=7, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:00:00:00:01)", text, StringComparison.Ordinal);
        Assert.True(text.IndexOf("10.244.1.2", StringComparison.Ordinal) < text.IndexOf("10.244.1.9", StringComparison.Ordinal));
        var tables = JsonNode.Parse(await RunAsync("tables", "--json"))!["tables"]!.AsArray();
        Assert.Equal(_api.Target.Pipeline.Tables.Count, tables.Count);
        var row = tables.Single(t => (string?)t!["name"] == "pods")!["rows"]![0]!;
        Assert.Equal(
            ("10.244.1.2", "to_pod", "7"), ((string?)row["match"]!["dst_ip"], (string?)row["action"], (string?)row["params"]!["port"]));
        Assert.Contains("podz", await FailAsync(1, "tables", "podz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counters_show_their_reasons()
    {
        var text = await RunAsync("counters");
        Assert.Contains("spoofed_mac", text, StringComparison.Ordinal);
        Assert.StartsWith("malformed frames and full tables: not available on this target", text, StringComparison.Ordinal);
        Assert.Equal(3, text.TrimEnd().Split('\n').Length);
        Assert.Equal(66, (await RunAsync("counters", "--all")).TrimEnd().Split('\n').Length);
        var cells = JsonNode.Parse(await RunAsync("counters", "--json"))!["counters"]!.AsArray();
        Assert.Equal(3, (int)cells.Single(c => (string?)c!["label"] == "spoofed_mac")!["packets"]!);
        Assert.Equal("share", (string?)cells[23]!["label"]);
        Assert.Empty(DropReasons.Label(DropReasons.Counter, 63));
        Assert.Null(cells[63]!["label"]);
        Assert.Equal("multicast", (string?)cells[15]!["label"]);
    }

    [Fact]
    public async Task Malformed_frames_and_full_tables_are_counted()
    {
        _api.Target.Losses =
            new TargetLosses("", 0, new Dictionary<string, ulong> { ["too-long"] = 7 }, new Dictionary<string, ulong> { ["flows"] = 5 });
        _api.Target.States["eth-1"] = new PortStatus(true, "", 7);
        var cells = JsonNode.Parse(await RunAsync("counters", "--json"))!["counters"]!.AsArray();
        foreach (var (counter, label, count) in new[] { (
            "lost_frames", "too_long", 7), ("flows_not_learned", "flows", 5), ("malformed_frames", "eth-1", 7) })
        {
            Assert.Equal(count, (int)cells.Single(c => (string?)c!["counter"] == counter && (string?)c["label"] == label)!["packets"]!);
        }
    }

    [Fact]
    public async Task An_unavailable_target_is_reported_with_the_table_or_counter()
    {
        _api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "not connected");
        Assert.Equal("inframanager ctl: table port_class cannot be read from the target: not connected (Unavailable)", await FailAsync(
            1, "tables", "port_class"));
        Assert.Contains("counter drops cannot be read", await FailAsync(1, "counters"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trace_takes_missing_options_from_the_sender()
    {
        AddEndpoint();
        await using var target = await StartTracerAsync(new Tracer());
        var json = JsonNode.Parse(await RunAsync(
            "--json", "trace", "--from-pod", "web-0", "--dst", "10.244.1.3", "--proto", "tcp", "--dport", "443", "--ttl", "9"))!;
        Assert.Equal(
            "02:00:00:00:00:01 > 02:ac:c0:00:00:01, 10.244.1.2:40000 > 10.244.1.3:443 TCP [SYN], ttl 9, 110 bytes",
            (string?)json["packetText"]);
        Assert.Equal("7", (string?)json["port"]);
        Assert.Equal(("dropped", "spoofed_ip"), ((string?)json["fate"], (string?)json["dropReason"]));
        Assert.Equal("7", (string?)json["steps"]![0]!["key"]!["port"]);
        var text = await RunAsync("trace", "--port", "acc0123456789a", "--dst", "10.244.1.3");
        Assert.Contains("in    port acc0123456789a:", text, StringComparison.Ordinal);
        Assert.Contains("port_class", text, StringComparison.Ordinal);
        Assert.Contains("pod_port(port=7, gateway_mac=02:ac:c0:00:00:01)", text, StringComparison.Ordinal);
        Assert.Contains("count drops[3] spoofed_ip", text, StringComparison.Ordinal);
        Assert.Contains("dropped: spoofed_ip", text, StringComparison.Ordinal);
        // A port without an endpoint, and a whole frame.
        var frame = JsonNode.Parse(await RunAsync("trace", "--json", "--port", "uplink0", "--hex", "ffffffffffff 020000000001 88cc 00"))!;
        Assert.Equal("9", (string?)frame["steps"]![0]!["key"]!["port"]);
    }

    [Fact]
    public async Task Trace_reports_a_sender_that_has_no_port_yet()
    {
        AddEndpoint(port: null);
        Assert.Contains("the target has no port acc0123456789a yet", await FailAsync(
            2, "trace", "--from-pod", "web-0", "--dst", "10.244.1.3"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trace_knows_the_sender_on_port_0()
    {
        AddEndpoint(port: 0);
        await using var target = await StartTracerAsync(new Tracer());
        var json = JsonNode.Parse(await RunAsync("--json", "trace", "--port", "0", "--dst", "10.244.1.3"))!;
        Assert.StartsWith("02:00:00:00:00:01 > 02:ac:c0:00:00:01, 10.244.1.2", (string?)json["packetText"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--dst is missing", "--port", "7")]
    [InlineData("--src is missing: no endpoint owns port 99", "--port", "99", "--dst", "10.0.0.1")]
    [InlineData("--port or --from-pod is missing", "--dst", "10.0.0.1")]
    [InlineData("no pod nobody", "--from-pod", "nobody", "--dst", "10.0.0.1")]
    [InlineData("--hex: not an even number of hex digits", "--port", "7", "--hex", "xyz")]
    [InlineData("--src-mac: 'q' is not a MAC address", "--port", "7", "--dst", "10.0.0.1", "--src-mac", "q")]
    public async Task A_missing_or_invalid_trace_option_is_reported(string message, params string[] arguments)
    {
        AddEndpoint();
        Assert.Contains(message, await FailAsync(2, ["trace", .. arguments]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--dst", "300.1.1.1")]
    [InlineData("--dst", "::1")]
    [InlineData("--proto", "sctp")]
    [InlineData("--ttl", "256")]
    [InlineData("--payload-len", "9001")]
    [InlineData("--sport", "65536")]
    public async Task An_option_out_of_range_is_rejected(string option, string value)
    {
        var error = await FailAsync(1, "trace", "--port", "7", option, value);
        Assert.Contains(
            value, error.Replace("--payload-len: must be 0 to 9000", "9001", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_without_tracing_is_a_failed_precondition()
    {
        await using var target = await StartTracerAsync(new SoftTargetWithoutTrace());
        Assert.Contains("only the soft target can (FailedPrecondition)", await FailAsync(
            1, "trace", "--port", "7", "--hex", new string('0', 60)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_on_TCP_is_named()
    {
        using var proxy = new ACCOffload.InfraManager.Control.TraceProxy("127.0.0.1:9559");
        var e = await Assert.ThrowsAsync<RpcException>(() => proxy.TraceAsync(1, Google.Protobuf.ByteString.Empty, default));
        Assert.Equal(
            (StatusCode.FailedPrecondition, "packets can be traced only on a soft target with a unix socket, and the target is at 127.0.0.1:9559"),
            (e.StatusCode, e.Status.Detail));
    }

    [Fact]
    public async Task An_unknown_port_is_not_found()
    {
        Assert.Contains("the target has no port named nowhere", await FailAsync(
            1, "trace", "--port", "nowhere", "--hex", new string('0', 60)), StringComparison.Ordinal);
        Assert.Contains("packet: 3 bytes", await FailAsync(1, "trace", "--port", "7", "--hex", "000000"), StringComparison.Ordinal);
        Assert.Contains(
            "cannot be reached", await FailAsync(1, "trace", "--port", "7", "--hex", new string('0', 60)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_service_the_error_explains_how_to_start_it()
    {
        using var error = new StringWriter();
        Assert.Equal(1, await Commands.RunAsync(["ctl", "--socket", _api.Folder.At("none.sock"), "status"], TextWriter.Null, error));
        var expected = $"inframanager ctl: inframanager does not serve {_api.Folder.At("none.sock")}; "
            + "start it (systemctl start inframanager) or specify its socket with --socket";
        Assert.Equal(expected, error.ToString().Trim());
    }

    [Fact]
    public async Task The_socket_can_come_from_the_configuration()
    {
        using var output = new StringWriter();
        Assert.Equal(
            0, await Commands.RunAsync(["ctl", "--config", _api.Folder.At("inframanager.json"), "status"], output, TextWriter.Null));
        Assert.Contains("node-1", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_root_may_use_the_socket()
    {
        Needs.Root();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_api.ControlSocket));
        // Even if the file mode allows others, the peer credentials are checked.
        foreach (var folder in new[] { _api.Folder.Root, _api.ControlSocket })
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        }

        var (changed, received) = (-1L, -1);
        // A thread of its own, because it stays without root. An exception on it would end the process.
        var thread = new Thread(() =>
        {
            changed = SetThreadUser(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 147 : 117, -1, 65534, -1);
            if (changed != 0)
            {
                return;
            }

            using var socket = new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
            try
            {
                socket.Connect(new System.Net.Sockets.UnixDomainSocketEndPoint(_api.ControlSocket));
                received = socket.Receive(new byte[64]);
            }
            catch (System.Net.Sockets.SocketException)
            {
                // Nothing was received.
            }
        });
        thread.Start();
        thread.Join();
        Assert.Equal((0L, 0), (changed, received));
        await Eventually.TrueAsync(() => _api.Log.Matching("uid 65534").Any(), "the refusal is logged");
        Assert.Contains("node-1", await RunAsync("status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_operator_can_remove_endpoints_and_reset_the_host()
    {
        AddEndpoint();
        var text = await RunAsync("endpoint-remove", "podnet/c1/eth0");
        Assert.StartsWith("removed podnet/c1/eth0 (accoffload.v1): 10.244.1.2 at 02:00:00:00:00:01\n", text, StringComparison.Ordinal);
        Assert.Contains("return with the agent's next Sync", text, StringComparison.Ordinal);
        Assert.Equal(new ModelKey("podnet", "c1", "eth0"), Assert.IsType<RemoveEndpointsIntent>(_api.Core.Intents[0]).Key);
        // The container of a 24.01 agent is a path.
        Assert.Equal("no matching endpoints\n", await RunAsync("endpoint-remove", "infra//var/run/netns/cni-1/eth0"));
        Assert.Equal(new ModelKey("infra", "/var/run/netns/cni-1", "eth0"), Assert.IsType<RemoveEndpointsIntent>(_api.Core.Intents[1]).Key);
        Assert.Equal("no matching endpoints\n", await RunAsync("endpoint-remove", "--address", "10.9.9.9", "--mac", "02:00:00:00:00:01"));
        Assert.Contains(
            "\"10.244.1.2\"", await RunAsync("endpoint-remove", "--mac", "02:00:00:00:00:01", "--json"), StringComparison.Ordinal);

        Assert.Contains("specify NETWORK/CONTAINER/INTERFACE", await FailAsync(2, "endpoint-remove"), StringComparison.Ordinal);
        Assert.Contains(
            "specify NETWORK/CONTAINER/INTERFACE", await FailAsync(2, "endpoint-remove", "podnet/c1"), StringComparison.Ordinal);
        Assert.Contains("mac: \"zz\" is not a MAC address", await FailAsync(1, "endpoint-remove", "--mac", "zz"), StringComparison.Ordinal);
        Assert.Contains("address: \"10.1\"", await FailAsync(1, "endpoint-remove", "--address", "10.1"), StringComparison.Ordinal);
        Assert.Equal(4, _api.Core.Intents.Count);

        text = await RunAsync("host-reset");
        Assert.Contains("removed podnet/c1/eth0", text, StringComparison.Ordinal);
        Assert.Contains("the host's epoch has ended", text, StringComparison.Ordinal);
        Assert.Equal("node-1", Assert.IsType<ResetHostIntent>(_api.Core.Intents[4]).Node);
    }

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern long SetThreadUser(long number, int real, int effective, int saved);

    private void AddEndpoint(uint? port = 7)
    {
        var spec = new EndpointSpec
        {
            Node = "node-1",
            Origin = ApiOrigin.Offload,
            Key = new ModelKey("podnet", "c1", "eth0"),
            Kind = ACCOffload.InfraManager.State.Values.EndpointKind.Pod,
            PortName = "acc0123456789a",
            Mac = MacAddress.Parse("02:00:00:00:00:01"),
            Addresses = [IPAddress.Parse("10.244.1.2")],
            PodNamespace = "default",
            PodName = "web-0",
        };
        _api.Core.StoredEndpoints.Add(new EndpointView(new Endpoint(1, spec, true), port, port is not null));
    }

    private void AddRow(string address, ulong port) => _api.Target.Entries.Add(
        _api.Target.Pipeline.Table("pods").NewEntry().Exact("dst_ip", IPAddress.Parse(address).GetAddressBytes())
            .Action("to_pod").Param("port", port).Param("src_mac", 0x02acc0000001).Param("dst_mac", 0x020000000001).Build());

    private async Task<string> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", _api.ControlSocket, .. arguments], output, error);
        Assert.True(code == 0, error.ToString());
        return output.ToString();
    }

    private async Task<string> FailAsync(int expected, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", _api.ControlSocket, .. arguments], output, error);
        Assert.Equal(expected, code);
        return error.ToString().Trim();
    }

    private async Task<WebApplication> StartTracerAsync<T>(T service)
        where T : Protos.V1.SoftTarget.SoftTargetBase
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore().AddSingleton(service).AddGrpc();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(
            k => k.ListenUnixSocket(_api.TargetSocket, l => l.Protocols = HttpProtocols.Http2));
        var application = builder.Build();
        application.MapGrpcService<T>();
        await application.StartAsync();
        return application;
    }

    private sealed class SoftTargetWithoutTrace : Protos.V1.SoftTarget.SoftTargetBase;

    private sealed class Tracer : Protos.V1.SoftTarget.SoftTargetBase
    {
        public override Task<TraceReply> Trace(TraceRequest request, ServerCallContext context) => Task.FromResult(new TraceReply
        {
            Steps =
            {
                new TraceStep
                {
                    Table = "port_class",
                    Key = { new NamedValue { Name = "m.local_metadata_input_port", Value = $"0x{request.Port:x8}" } },
                    Hit = true,
                    Action = "pod_port",
                    Params =
                    {
                        new NamedValue { Name = "port", Value = "0x00000007" },
                        new NamedValue { Name = "gateway_mac", Value = "0x000002acc0000001" },
                    },
                },
                new TraceStep { Note = "count drops_0[3]" },
            },
            Fate = "dropped",
            DropReason = "drops[3]",
        });
    }
}
