using ACCOffload.Runtime.Tests;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>
/// The cluster changes while flows run. Connections go on as long as their pod is attached, whatever becomes of its endpoint, of the slice and of the
/// service: kube-proxy ends none, either. Datagrams of a removed backend go to another one.
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
        if (new Integration.RootFactAttribute().Skip is null)
        {
            _node = await fixture.NodeAsync();
        }
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

    [RootTheory]
    [MemberData(nameof(Names))]
    public async Task Forwards_and_backwards(string name)
    {
        var steps = ChangeSequences.All[name];
        foreach (var step in steps.Concat(steps.Reverse().Skip(1)))
        {
            await _node.BecomeAsync(step.Cluster(AddressOf));
            await HoldsAsync(step, seesEachStep: true);
        }
    }

    [RootTheory]
    [MemberData(nameof(Names))]
    public async Task At_once_forwards_and_backwards(string name)
    {
        var steps = ChangeSequences.All[name];
        await _node.BecomeAsync(steps[0].Cluster(AddressOf));
        await HoldsAsync(steps[0], seesEachStep: false);
        foreach (var direction in new[] { steps, [.. steps.Reverse()], steps })
        {
            foreach (var step in direction)
            {
                _node.Api.Become(step.Cluster(AddressOf));
            }

            await _node.SyncedAsync();
            await HoldsAsync(direction[^1], seesEachStep: false);
        }
    }

    private string AddressOf(int pod) => _node.Pods[pod].Address;

    /// <summary>
    /// New flows are answered as expected, a pod's, the host's, a backend's own and those from outside through the uplink; flows of before go on.
    /// </summary>
    private async Task HoldsAsync(Step step, bool seesEachStep)
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
            Client[] clients = to.StartsWith(ServiceNode.NodeAddress, StringComparison.Ordinal) ? [_node.Friend] : [_node.From(3), _node.Host];
            foreach (var client in clients)
            {
                await _node.AnswersAsync(client, to, servers);
            }

            await DatagramsGoOnAsync(clients[0], to, servers, seesEachStep);
            if (servers is not [not Answer.Refused, ..])
            {
                continue;
            }
            // Of two backends, who asks may be his own server.
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
    /// One flow for the whole sequence. It stays with its backend as long as that takes flows, and with the one after it, and so on.
    /// </summary>
    private async Task DatagramsGoOnAsync(Client client, string to, string[] servers, bool seesEachStep)
    {
        if (!_datagrams.TryGetValue(to, out var flow))
        {
            _datagrams.Add(to, flow = client.OpenUdp(to));
        }

        var answer = await flow.AskAsync(impatient: servers.Length == 0);
        if (servers.Length == 0)
        {
            Assert.Null(answer.Seen);
        }
        else
        {
            Assert.Contains(answer.Who, servers);
        }

        if (seesEachStep && _pinned.TryGetValue(to, out var before) && servers.Contains(before))
        {
            Assert.Equal(before, answer.Who);
        }

        if (answer.Seen is not null)
        {
            _pinned[to] = answer.Who;
        }
        else
        {
            _pinned.Remove(to);
        }
    }
}
