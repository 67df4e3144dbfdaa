using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>ctl flows, with what a target reports: every kind of end, limits, and targets that cannot list.</summary>
public sealed class CtlFlowsTests : IAsyncLifetime
{
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync() => _ctl = await PolicyCtl.StartAsync();

    public async ValueTask DisposeAsync() => await _ctl.DisposeAsync();

    [Fact]
    public async Task Every_kind_of_flow_has_its_names()
    {
        var spec = TestService.Of(1, TestService.Pod(1), TestService.Remote(9));
        await _ctl.Core.SetAsync(spec);
        var gone = Port().Backends.Single(b => b.Place == BackendPlace.Remote).Id;
        await _ctl.Core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(10)));
        var (frontend, backend) = (Port().Frontends[0].Id, Port().Backends.Single(b => b.Place == BackendPlace.Local).Id);
        Learned(
            // A remote pod directly; a local one through the service; the same from beyond the uplink, masqueraded; the node.
            Flow(6, ("10.244.0.3", 5000), ("10.244.0.2", 9000), timeout: 43200, idle: 3600),
            Flow(17, ("10.244.0.2", 5001), ("10.244.0.1", 8080), frontend: frontend, backend: backend, timeout: 120, idle: 30),
            Flow(
                6, ("203.0.113.9", 5002), ("10.244.0.1", 8080), seen: ("192.0.2.10", 40001), frontend: frontend, backend: backend,
                outside: true, timeout: 10),
            Flow(6, ("192.0.2.10", 5003), ("10.244.0.1", 9000), isNode: true, timeout: 60, idle: 1),
            // A backend and a frontend that are no more.
            Flow(132, ("10.244.0.2", 5004), ("10.244.0.77", 8080), frontend: 4_000_000, backend: gone, timeout: 300),
            // An echo, masqueraded.
            Flow(1, ("10.244.0.1", 77), ("198.51.100.1", 0), seen: ("192.0.2.10", 40002), timeout: 30, idle: 29));

        Assert.Equal(
            """
            PROTO  CLIENT                         ASKED                             BACKEND                       SEEN AS              STATE              EXPIRES
            ICMP   10.244.0.1 id 77 (shop/pod-1)  -                                 198.51.100.1                  192.0.2.10 id 40002  -                      1 s
            UDP    10.244.0.2:5001 (shop/pod-2)   10.96.0.1:80 (default/service-1)  10.244.0.1:8080 (shop/pod-1)  -                    answered          1 min 30 s
            SCTP   10.244.0.2:5004 (shop/pod-2)   -                                 10.244.0.77:8080              -                    backend gone       5 min 0 s
            TCP    10.244.0.3:5000 (shop/pod-3)   -                                 10.244.0.2:9000 (shop/pod-2)  -                    open              11 h 0 min
            TCP    192.0.2.10:5003 (node)         -                                 10.244.0.1:9000 (shop/pod-1)  -                    opening or closed       59 s
            TCP    203.0.113.9:5002               10.96.0.1:80 (default/service-1)  10.244.0.1:8080 (shop/pod-1)  192.0.2.10:40001     reset                   10 s
            """.Replace(" ", "", StringComparison.Ordinal),
            (await _ctl.RunAsync("flows")).Trim().Replace(" ", "", StringComparison.Ordinal));

        var flows = JsonNode.Parse(await _ctl.RunAsync("flows", "--json"))!["flows"]!.AsArray();
        Assert.Equal(
            """
            {"protocol":"TCP","client":{"address":"203.0.113.9","port":5002,"name":""},"asked":{"address":"10.96.0.1","port":80,"name":""},
            "service":"default/service-1","backend":{"address":"10.244.0.1","port":8080,"name":"shop/pod-1"},
            "masqueraded":{"address":"192.0.2.10","port":40001,"name":"node"},"state":"reset","expires":10,"idle":0,"fromOutside":true}
            """.ReplaceLineEndings(""),
            flows[^1]!.ToJsonString());
        Assert.Equal(
            ["10.244.0.2", "10.244.0.2", "10.244.0.3"],
            JsonNode.Parse(await _ctl.RunAsync("flows", "shop/pod-2", "--json"))!["flows"]!.AsArray()
                .Select(f => (string?)f!["client"]!["address"]));

        PortState Port() => _ctl.Core.Programmer.Services[spec.Key].State.Ports[0];
    }

    [Fact]
    public async Task The_first_flows_are_shown_and_the_rest_is_counted()
    {
        Learned([.. Enumerable.Range(0, 3000).OrderBy(i => i * 7919 % 3000)
            .Select(i => Flow(6, ("10.244.0.2", (ushort)(10_000 + i)), ("10.244.0.1", 80)))]);
        var text = await _ctl.RunAsync("flows");
        Assert.Equal(102, text.Trim().Split('\n').Length);
        Assert.EndsWith("2900 more flows are not shown", text.Trim(), StringComparison.Ordinal);
        var json = JsonNode.Parse(await _ctl.RunAsync("flows", "--limit", "3", "--json"))!;
        Assert.Equal([10_000, 10_001, 10_002], json["flows"]!.AsArray().Select(f => (int)f!["client"]!["port"]!));
        Assert.Equal(2997, (int)json["leftOut"]!);
        Assert.Equal(3001, (await _ctl.RunAsync("flows", "--limit", "10000")).Trim().Split('\n').Length);
    }

    [Theory]
    [InlineData(2, "--limit 0 is not 1 to 10000", "--limit", "0")]
    [InlineData(2, "--limit 10001 is not 1 to 10000", "--limit", "10001")]
    [InlineData(2, "'pod-1' is not NAMESPACE/POD", "pod-1")]
    [InlineData(1, "pod: no pod shop/pod-7 with an address", "shop/pod-7")]
    public async Task A_wrong_argument_is_an_error(int code, string message, params string[] arguments) =>
        Assert.Contains(message, await _ctl.FailAsync(code, ["flows", .. arguments]), StringComparison.Ordinal);

    [Fact]
    public async Task Without_flows_or_a_target_that_lists_them_there_is_one_line()
    {
        Assert.Equal("no flows", (await _ctl.RunAsync("flows")).Trim());
        _ctl.Api.Target.Learned = null;
        Assert.Equal(
            "inframanager ctl: live flows cannot be listed: this target (p4-dpdk) does not list what its pipeline has learned "
            + "(FailedPrecondition)",
            await _ctl.FailAsync(1, "flows"));
        _ctl.Api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "not connected");
        Assert.Contains("live flows cannot be listed: not connected (Unavailable)", await _ctl.FailAsync(1, "flows"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipeline_without_a_table_of_flows_says_so()
    {
        var tables = _ctl.Api.Target.Pipeline.Info.Clone();
        tables.Tables.Remove(tables.Tables.Single(t => t.Preamble.Alias == "replies"));
        _ctl.Api.Target.Pipeline = P4Runtime.Schema.Pipeline.FromP4Info(tables);
        Assert.Contains(
            "live flows cannot be listed: the pipeline k8s_dp has no table of them (FailedPrecondition)",
            await _ctl.FailAsync(1, "flows"), StringComparison.Ordinal);
    }

    private void Learned(params LearnedEntry[] flows)
    {
        _ctl.Api.Target.Learned!.Clear();
        _ctl.Api.Target.Learned.AddRange(flows);
    }

    private LearnedEntry Flow(
        byte protocol, (string Address, ushort Port) client, (string Address, ushort Port) remote,
        (string Address, ushort Port)? seen = null, uint frontend = 0, uint backend = 0, bool outside = false, bool isNode = false,
        int timeout = 60, int idle = 0) => LearnedFlow.Of(
            _ctl.Api.Target.Pipeline, protocol, client, remote, seen ?? client, frontend, backend, outside, isNode,
            TimeSpan.FromSeconds(timeout), TimeSpan.FromSeconds(idle));
}
