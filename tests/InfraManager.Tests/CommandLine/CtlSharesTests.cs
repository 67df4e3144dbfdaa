using System.Buffers.Binary;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Package;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using Grpc.Core;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.CommandLine;

public sealed class CtlSharesTests : IAsyncLifetime
{
    private const string Note =
        "A count is reset by the first new flow after its period (unanswered 60 s, datagrams 120 s, connections 12 h, clients 12 h, "
        + "fragmented 30 s), or by the first flow of a new pod at the port; until then the old count is shown.";

    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Ports_are_sorted_by_their_highest_usage()
    {
        Assert.Equal("no ports", (await RunAsync(0, "shares")).Trim());
        AddEndpoint(EndpointKind.Host, 1, "host0");
        AddEndpoint(EndpointKind.Uplink, 2, "uplink0");
        AddEndpoint(EndpointKind.Pod, 3, "acc3", "web-3");
        AddEndpoint(EndpointKind.Pod, 4, "acc4", "web-4");
        AddEndpoint(EndpointKind.Pod, 4, "acc4", "web-5");
        // A port without a number, the first one outside the registers, and the last one inside.
        AddEndpoint(EndpointKind.Pod, null, "acc6", "web-6");
        AddEndpoint(EndpointKind.Pod, 4096, "acc7", "web-7");
        AddEndpoint(EndpointKind.Pod, 4095, "acc8", "web-8");
        // The host has more flows than the pod, but a smaller share of its limit.
        SetCount("open_connections", 1, 8192);
        SetCount("unanswered", 4, 1024);
        SetCount("datagrams", 3, 8193);
        SetCount("known_clients", 2, 16384);
        SetCount("unanswered", 4095, 4096);
        SetCount("unanswered", 0, 77);

        Assert.Equal(
            $"""
            PORT  NAME     UNANSWERED   DATAGRAMS  CONNECTIONS      CLIENTS  FRAGMENTED  ENDPOINTS
               2  uplink0     0/16384     0/65536      0/65536  16384/16384     0/16384  c-uplink0/eth0
            4095  acc8      4096/4096     0/16384       0/8192       0/4096      0/4096  default/web-8
               3  acc3         0/4096  8193/16384       0/8192       0/4096      0/4096  default/web-3
               4  acc4      1024/4096     0/16384       0/8192       0/4096      0/4096  default/web-4 default/web-5
               1  host0       0/16384     0/65536   8192/65536      0/16384     0/16384  host
               -  acc6              -           -            -            -           -  default/web-6
            4096  acc7              -           -            -            -           -  default/web-7
            {Note}
            """.ReplaceLineEndings("\n"),
            (await RunAsync(0, "shares")).Trim());
        var json = JsonNode.Parse(await RunAsync(0, "shares", "--json"))!;
        Assert.Equal("", (string?)json["problem"]);
        var ports = json["ports"]!.AsArray();
        Assert.Equal([2, 4095, 3, 4, 1, null, 4096], ports.Select(p => (int?)p!["port"]));
        Assert.Equal(["default/web-4", "default/web-5"], ports[3]!["endpoints"]!.AsArray().Select(e => (string?)e));
        Assert.Equal(
            [("unanswered", 0, 4096, 60), (
                "datagrams", 8193, 16384, 120), ("connections", 0, 8192, 43200), ("clients", 0, 4096, 43200), ("fragmented", 0, 4096, 30)],
            ports[2]!["shares"]!.AsArray().Select(s => ((string)s!["kind"]!, (int)s["count"]!, (int)s["limit"]!, (int)s["period"]!)));
        Assert.Empty(ports[5]!["shares"]!.AsArray());
        Assert.Empty(ports[6]!["shares"]!.AsArray());
    }

    [Fact]
    public async Task A_target_that_cannot_read_registers_is_reported()
    {
        AddEndpoint(EndpointKind.Pod, 3, "acc3", "web-3");
        _api.Target.Failure = new P4RuntimeException(StatusCode.Unimplemented, "registers are not available on this target (p4-dpdk)");
        Assert.Equal("cannot read shares: registers are not available on this target (p4-dpdk)", (await RunAsync(0, "shares")).Trim());
        var json = JsonNode.Parse(await RunAsync(0, "shares", "--json"))!;
        Assert.Empty(json["ports"]!.AsArray());
        Assert.Contains("not available on this target (p4-dpdk)", (string?)json["problem"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("es2k-24.01")]
    [InlineData("dpdk-24.01")]
    public async Task A_pipeline_that_does_not_count_shares_is_named(string profile)
    {
        AddEndpoint(EndpointKind.Pod, 3, "acc3", "web-3");
        _api.Target.PipelineName = profile;
        _api.Target.Pipeline = Pipeline.FromP4Info(profile == "es2k-24.01" ? PackageInfo.Es2k() : PackageInfo.Dpdk());
        Assert.Equal($"the pipeline {profile} does not count shares", (await RunAsync(0, "shares")).Trim());
    }

    [Fact]
    public async Task A_failure_to_read_is_an_error()
    {
        AddEndpoint(EndpointKind.Pod, 3, "acc3", "web-3");
        var known = _api.Target.Pipeline;
        _api.Target.Pipeline = Pipeline.FromP4Info(new P4Info());
        _api.Core.Ready = false;
        Assert.Equal("inframanager ctl: the target's pipeline is not known yet: not connected (Unavailable)", await RunAsync(1, "shares"));
        _api.Target.Pipeline = known;
        _api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "not connected");
        Assert.Equal("inframanager ctl: register unanswered cannot be read from the target: not connected (Unavailable)", await RunAsync(
            1, "shares", "--json"));
        _api.Target.Failure = null;
        _api.Target.MaxReportedCells = 3;
        Assert.Equal(
            "inframanager ctl: register unanswered: the target returned no cell for port 3 (DataLoss)", await RunAsync(1, "shares"));
        _api.Target.MaxReportedCells = 4;
        _api.Target.Cells[("datagrams", 3)] = [1, 0, 0, 0, 0];
        Assert.Contains("register datagrams: the value at index 3 is longer than 32 bits (DataLoss)", await RunAsync(
            1, "shares"), StringComparison.Ordinal);
        _api.Target.Cells[("datagrams", 3)] = [0, 0, 0, 0, 5];
        Assert.Contains("5/16384", await RunAsync(0, "shares"), StringComparison.Ordinal);
    }

    private void SetCount(string register, long port, uint count)
    {
        var value = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(value, count);
        _api.Target.Cells[(register, port)] = value;
    }

    private void AddEndpoint(EndpointKind kind, uint? port, string name, string pod = "")
    {
        var id = _api.Core.StoredEndpoints.Count + 1;
        var spec = new EndpointSpec
        {
            Node = "node-1",
            Origin = ApiOrigin.Offload,
            Key = new AttachmentKey("podnet", $"c-{name}", "eth0"),
            Kind = kind,
            PortName = name,
            Mac = MacAddress.Parse($"02:00:00:00:00:{id:x2}"),
            Addresses = [],
            PodNamespace = pod.Length == 0 ? "" : "default",
            PodName = pod,
        };
        _api.Core.StoredEndpoints.Add(new EndpointView(new Endpoint(id, spec, true), port, true));
    }

    private async Task<string> RunAsync(int exitCode, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(exitCode, await Commands.RunAsync(["ctl", "--socket", _api.ControlSocket, .. arguments], output, error));
        return exitCode == 0 ? output.ToString() : error.ToString().Trim();
    }
}
