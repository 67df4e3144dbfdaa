using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>
/// The cluster changes while flows run. Connections continue as long as their pod is attached, even if its endpoint, slice or service
/// is removed: kube-proxy does not end them either. Datagrams to a removed backend move to another one.
/// </summary>
public sealed class SequenceTests(NodeFixture fixture) : IClassFixture<NodeFixture>, IAsyncLifetime
{
    private readonly List<HeldConnection> _held = [];
    private readonly Dictionary<string, UdpFlow> _datagrams = [];
    private readonly Dictionary<string, string> _pinned = [];
    private ServiceNode _node = null!;

    public static TheoryData<string> Names => [.. ChangeSequences.All.Keys];

    public async ValueTask InitializeAsync()
    {
        Needs.Lab();
        _node = await fixture.NodeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var held in _held)
        {
            await held.DisposeAsync();
        }

        foreach (var flow in _datagrams.Values)
        {
            flow.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Flows_follow_the_steps_forwards_and_backwards(string name)
    {
        Needs.Lab();
        var steps = ChangeSequences.All[name];
        foreach (var step in steps.Concat(steps.Reverse().Skip(1)))
        {
            await _node.SetClusterAsync(step.Cluster(AddressOf));
            await AssertStepAsync(step, seesEachStep: true);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Flows_follow_all_steps_applied_at_once(string name)
    {
        Needs.Lab();
        var steps = ChangeSequences.All[name];
        await _node.SetClusterAsync(steps[0].Cluster(AddressOf));
        await AssertStepAsync(steps[0], seesEachStep: false);
        foreach (var direction in new[] { steps, [.. steps.Reverse()], steps })
        {
            foreach (var step in direction)
            {
                _node.Api.ReplaceAll(step.Cluster(AddressOf));
            }

            await _node.SyncedAsync();
            await AssertStepAsync(direction[^1], seesEachStep: false);
        }
    }

    private string AddressOf(int pod) => _node.Pods[pod].Address;

    /// <summary>
    /// New flows of a pod, the host, a backend itself and external clients are answered as expected; existing flows continue.
    /// </summary>
    private async Task AssertStepAsync(Step step, bool seesEachStep)
    {
        if (_held.Count == 0)
        {
            _held.Add(await _node.Host.HoldAsync($"{AddressOf(3)}:{ServiceNode.Port}"));
        }

        foreach (var held in _held)
        {
            await held.StillWorksAsync();
        }

        foreach (var (to, servers) in step.Lines)
        {
            Client[] clients = to.StartsWith(ServiceNode.NodeAddress, StringComparison.Ordinal)
                ? [_node.ExternalClient]
                : [_node.From(3), _node.Host];
            foreach (var client in clients)
            {
                await _node.AnswersAsync(client, to, servers);
            }

            await AssertDatagramsContinueAsync(clients[0], to, servers, seesEachStep);
            if (servers is not [not Answer.Refused, ..])
            {
                continue;
            }
            // With two backends the client may be its own server.
            if (clients.Length > 1)
            {
                clients = [.. clients, _node.From(servers[0][0] - '0')];
            }

            foreach (var client in clients)
            {
                _held.Add(await client.HoldAsync(to));
                Assert.Contains(_held[^1].Server, servers);
            }
        }
    }

    /// <summary>
    /// One flow per address for the whole sequence. It stays with its backend while that accepts flows, then moves to another one.
    /// </summary>
    private async Task AssertDatagramsContinueAsync(Client client, string to, string[] servers, bool seesEachStep)
    {
        if (!_datagrams.TryGetValue(to, out var flow))
        {
            _datagrams.Add(to, flow = client.OpenUdp(to));
        }

        var answer = await flow.AskAsync(shortTimeout: servers.Length == 0);
        if (servers.Length == 0)
        {
            Assert.Null(answer.Seen);
        }
        else
        {
            Assert.Contains(answer.Server, servers);
        }

        if (seesEachStep && _pinned.TryGetValue(to, out var before) && servers.Contains(before))
        {
            Assert.Equal(before, answer.Server);
        }

        if (answer.Seen is not null)
        {
            _pinned[to] = answer.Server;
        }
        else
        {
            _pinned.Remove(to);
        }
    }
}
