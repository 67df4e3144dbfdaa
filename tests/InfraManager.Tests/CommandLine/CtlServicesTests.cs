using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.CommandLine;

public sealed class CtlServicesTests : IAsyncLifetime
{
    private ApiFixture _api = null!;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Services_show_frontends_backends_and_packets()
    {
        Assert.Equal("no services", (await RunAsync(0, "services")).Trim());
        uint last = 0;
        var spec = TestService.Of(1, TestService.Pod(1), TestService.Remote(2));
        spec = spec with { Ports = [spec.Ports[0] with { AffinitySeconds = 10800 }], Problems = [new ServiceProblem("port x", "why")] };
        var state = new ServicePlanner("node-1", () => ++last, _ => 0, _ => 0, _ => 0).Next(null, spec)!;
        _api.Core.StoredServices[spec.Key] = new ServiceView(state, true);
        var services = _api.Target.Pipeline.Table("services");
        foreach (var outside in new[] { 0u, 1u })
        {
            var key = services.NewEntry().Exact("outside", outside).Exact("ip", TestService.Virtual(1).GetAddressBytes())
                .Exact("port", 80).Exact("protocol", 6).BuildKey().Key;
            _api.Target.RowCounters.Add(new RowCounter(key, 100 + outside, 0));
        }
        var backends = _api.Target.Pipeline.Table("backends");
        var backendKey = backends.NewEntry().Exact("backend_id", state.Ports[0].Backends[0].Id).BuildKey().Key;
        _api.Target.RowCounters.Add(new RowCounter(backendKey, 77, 0));
        Assert.Equal(
            """
            default/service-1: programmed
              port 80/TCP, affinity 10800 s
                                                                    PACKETS
                frontend  10.96.0.1:80     ClusterIP  cluster            201
                backend   10.244.0.1:8080  local      ready, 1 bucket     77
                backend   10.250.0.2:8080  remote     ready, 1 bucket      0
              ! port x: why
            """.Replace(" ", "", StringComparison.Ordinal),
            (await RunAsync(0, "services")).Trim().Replace(" ", "", StringComparison.Ordinal));
        var json = JsonNode.Parse(await RunAsync(0, "--json", "services", "service-1"))!["services"]!.AsArray().Single()!;
        Assert.Equal(201, (int)json["ports"]![0]!["frontends"]![0]!["packets"]!);
        var backend = json["ports"]![0]!["backends"]![0]!;
        Assert.Equal((77, 1, "local"), ((int)backend["packets"]!, (int)backend["buckets"]!, (string?)backend["place"]));
        Assert.Contains("no service default/other", await RunAsync(1, "services", "default/other"), StringComparison.Ordinal);
        _api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "not connected");
        Assert.Contains("packet counts are not available: not connected", await RunAsync(0, "services"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_is_added_and_removed_by_hand()
    {
        await RunAsync(
            0, "service-add", "web", "--address", "10.96.0.10", "--port", "80:8080", "--port", "53/udp", "--backend", "10.244.1.2",
            "--backend", "10.1.2.3", "--affinity", "60");
        var intent = Assert.IsType<ServiceIntent>(Assert.Single(_api.Core.Intents));
        Assert.Equal("default/web", intent.Key.ToString());
        var ports = intent.Spec!.Ports;
        Assert.Equal(["80/Tcp/60", "53/Udp/60"], ports.Select(p => $"{p.Port}/{p.Protocol}/{p.AffinitySeconds}"));
        Assert.Equal(["10.1.2.3:8080 Remote", "10.244.1.2:8080 Local"], ports[0].Backends.Select(b => $"{b.Key} {b.Place}"));
        Assert.Equal(["10.1.2.3:53", "10.244.1.2:53"], ports[1].Backends.Select(b => b.Key.ToString()));
        Assert.Equal(
            [new FrontendKey(IPAddress.Parse("10.96.0.10"), ports[0].Protocol, 80)],
            ports[0].Frontends.Select(f => new FrontendKey(f.Address, ports[0].Protocol, f.Port)));
        Assert.Equal("no such service", (await RunAsync(0, "service-remove", "kube-system/dns")).Trim());
        Assert.Equal(new ServiceIntent(new ServiceKey("kube-system", "dns"), null), _api.Core.Intents[^1]);
    }

    [Theory]
    [InlineData("address: nonsense is not an IP address (InvalidArgument)", "nonsense", "80", "10.1.2.3")]
    [InlineData("address: 1.1.1.1 is in none of Node:VirtualRanges", "1.1.1.1", "53/udp", "10.1.2.3")]
    [InlineData("address: port 22 of the node's own address 192.0.2.2 is outside Node:NodePorts", "192.0.2.2", "22", "10.1.2.3")]
    [InlineData("backends[0]: 10.96.0.1 is a service address", "10.96.0.10", "80", "10.96.0.1")]
    [InlineData("backends[0]: x is not an IP address (InvalidArgument)", "10.96.0.10", "80", "x")]
    [InlineData("ports[0].port: 70000 is outside 1..65535 (InvalidArgument)", "10.96.0.10", "70000", "10.1.2.3")]
    [InlineData("ports[0].protocol: icmp is not TCP, UDP or SCTP (InvalidArgument)", "10.96.0.10", "80/icmp", "10.1.2.3")]
    public async Task Invalid_arguments_are_reported_with_their_field(string error, string address, string port, string backend)
    {
        string[] arguments = ["service-add", "web", "--address", address, "--port", port, "--backend", backend];
        Assert.Contains(error, await RunAsync(1, arguments), StringComparison.Ordinal);
        Assert.Empty(_api.Core.Intents);
    }

    private async Task<string> RunAsync(int exitCode, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(exitCode, await Commands.RunAsync(["ctl", "--socket", _api.ControlSocket, .. arguments], output, error));
        return exitCode == 0 ? output.ToString() : error.ToString();
    }
}
