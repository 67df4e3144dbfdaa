using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Services.Tests.Faults;

/// <summary>
/// The others send to pod 1. Policy allows pod 2 always, pod 3 in state A, pod 4 in state B, and pod 5 never. Pod 6 is allowed by the
/// policy of pod 1, but not by its own.
/// </summary>
internal sealed class PolicyRounds : IAsyncDisposable
{
    // Pod 1 has no server there, so that it does not answer.
    private const int Port = 7070;
    private const int OtherPort = 7071;

    private const int Server = 1;
    private const int Always = 2;
    private const int InA = 3;
    private const int InB = 4;
    private const int Never = 5;
    private const int Sealed = 6;

    private readonly ServiceNode _node;
    private readonly PolicyForm _form;
    private readonly Random _random;
    private readonly Arrivals _arrivals;
    private readonly List<Flood> _floods = [];
    private HeldConnection? _held;
    private bool _isB;
    private int _kills;
    private int _changes;

    private PolicyRounds(ServiceNode node, PolicyForm form, int seed)
    {
        (_node, _form, _random) = (node, form, new Random(seed));
        _arrivals = Arrivals.In(node.Pods[Server].Namespace);
    }

    private int Allowed => _isB ? InB : InA;

    private int Denied => _isB ? InA : InB;

    /// <summary>Puts state A in force, and starts to send.</summary>
    public static async Task<PolicyRounds> StartAsync(ServiceNode node, PolicyForm form, int seed)
    {
        var rounds = new PolicyRounds(node, form, seed);
        await node.SetClusterAsync([.. rounds.Objects()]);
        foreach (var pod in new[] { InB, Never, Sealed })
        {
            await node.AnswersAsync(node.From(pod), ProtocolType.Tcp, rounds.To);
        }

        rounds._held = await node.From(Always).HoldAsync(rounds.To);
        // The port that no policy allows, from the pod that may ask the other one.
        rounds.Send(Always, OtherPort);
        foreach (var pod in new[] { Always, InA, InB, Never, Sealed })
        {
            rounds.Send(pod, Port);
        }

        await rounds.SettledAsync();
        return rounds;
    }

    /// <summary>Kills InfraManager while nothing changes: what is allowed passes all the while, and nothing else.</summary>
    public async Task KillAsync()
    {
        var denied = Count(Denied);
        await KillManagerAsync();
        await GrowAsync(Always, Allowed);
        await _node.Lab.StartManagerAsync(waitReady: false);
        await GrowAsync(Always, Allowed);
        await SettledAsync();
        Assert.Equal(denied, Count(Denied));
        await _held!.StillWorksAsync();
    }

    /// <summary>Goes to the other state, and returns when it is in force.</summary>
    public async Task ChangeAsync(PolicyFault fault)
    {
        _changes++;
        _isB = !_isB;
        if (fault == PolicyFault.ApiServerAway)
        {
            await _node.Api.StopAsync();
        }

        if (fault == PolicyFault.ApiServerErrors)
        {
            _node.Api.Intercept = async context =>
            {
                await FakeApiServer.FailAsync(context, 503, "ServiceUnavailable", "out of order by the test");
                return true;
            };
        }

        _node.Api.ReplaceAll([.. Objects()]);
        await FailAsync(fault);
        await SettledAsync();
        var denied = Count(Denied);
        await GrowAsync(Always, Allowed);
        Assert.Equal(denied, Count(Denied));
        await _held!.StillWorksAsync();
    }

    public override string ToString() =>
        $"{_changes} changes, {_kills} kills, {_floods.Sum(f => (long)f.Sent)} packets sent; arrived: always allowed {Count(Always)}, "
        + $"allowed in one state {Count(InA)} and {Count(InB)}, never allowed 0";

    public async ValueTask DisposeAsync()
    {
        if (_held is not null)
        {
            await _held.DisposeAsync();
        }

        foreach (var flood in _floods)
        {
            await flood.DisposeAsync();
        }

        await _arrivals.DisposeAsync();
    }

    private string To => $"{_node.Pods[Server].Address}:{ServiceNode.Port}";

    private async Task FailAsync(PolicyFault fault)
    {
        switch (fault)
        {
            case PolicyFault.Kills:
                for (var i = 0; i < 2; i++)
                {
                    await PauseAsync();
                    await KillManagerAsync();
                    await _node.Lab.StartManagerAsync(waitReady: false);
                }

                break;
            case PolicyFault.TargetKill:
                await PauseAsync();
                await RestartTargetAsync();
                break;
            case PolicyFault.Relist:
                _node.Api.Compact();
                _node.Api.DropWatches();
                break;
            case PolicyFault.ApiServerAway or PolicyFault.ApiServerErrors:
                await KillManagerAsync();
                await _node.Lab.StartManagerAsync(waitReady: false);
                await PauseAsync();
                _node.Api.Intercept = null;
                if (fault == PolicyFault.ApiServerAway)
                {
                    await _node.Api.RestartAsync();
                }

                break;
            case PolicyFault.KillOfBoth:
                await PauseAsync();
                await KillManagerAsync();
                await RestartTargetAsync();
                await _node.Lab.StartManagerAsync(waitReady: false);
                break;
        }
    }

    private Task PauseAsync() => Task.Delay(_random.Next(400));

    private async Task KillManagerAsync()
    {
        _kills++;
        await _node.Lab.KillManagerAsync();
    }

    private async Task RestartTargetAsync()
    {
        _kills++;
        await _node.Lab.KillTargetAsync();
        await _node.Lab.StartTargetAsync();
    }

    private void Send(int pod, int port) => _floods.Add(Flood.Udp(
        PodEnd.Of(_node.Pods[pod].Namespace, _node.Pods[pod].Address), _node.Pods[Server].Address, port, 4, TimeSpan.FromMilliseconds(2)));

    private long Count(int pod) => _arrivals.Count(_node.Pods[pod].Address, Port);

    /// <summary>Waits until many more packets of these pods have arrived.</summary>
    private async Task GrowAsync(params int[] pods)
    {
        var before = pods.ToDictionary(p => p, Count);
        await Eventually.TrueAsync(
            () => pods.All(p => Count(p) > before[p] + 200),
            () => $"packets of pods {string.Join(", ", pods)} arrive: {this}\n{_node.Lab.Manager!.Log}");
        AssertNever();
    }

    /// <summary>Waits until the state is in force: what it allows arrives, and what only the other one allows has stopped.</summary>
    private async Task SettledAsync()
    {
        await _node.Lab.WaitReadyAsync();
        await _node.SyncedAsync();
        await GrowAsync(Always, Allowed);
        var last = -1L;
        await Eventually.TrueAsync(
            async () =>
            {
                var now = Count(Denied);
                (var isQuiet, last) = (now == last, now);
                await GrowAsync(Always);
                return isQuiet;
            },
            () => $"packets of pod {Denied} stop: {this}\n{_node.Lab.Manager!.Log}");
    }

    private void AssertNever()
    {
        _arrivals.AssertComplete();
        Assert.Equal(0L, _arrivals.Count(_node.Pods[Always].Address, OtherPort));
        Assert.Equal(0L, _arrivals.Count(_node.Pods[Never].Address));
        Assert.Equal(0L, _arrivals.Count(_node.Pods[Sealed].Address));
    }

    private IEnumerable<JsonObject> Objects()
    {
        var isSwapped = _form == PolicyForm.Labels && _isB;
        yield return Kube.Namespace("default");
        yield return Pod(Server, "server");
        yield return Pod(Always, "always");
        yield return Pod(InA, isSwapped ? "b" : "a");
        yield return Pod(InB, isSwapped ? "a" : "b");
        yield return Pod(Never, "never");
        yield return Pod(Sealed, "sealed");
        // There is always a policy of pod 1, and one of pod 6 that allows it nothing.
        yield return Allow("base", "always", "sealed");
        yield return Kube.NetworkPolicy("default", "sealed").With("spec.podSelector", Labels("sealed"))
            .With("spec.policyTypes", new JsonArray("Egress"));
        yield return _form switch
        {
            PolicyForm.Rule => Allow("other", _isB ? "b" : "a"),
            PolicyForm.Labels => Allow("other", "a"),
            _ => _isB ? Allow("for-b", "b") : Allow("for-a", "a"),
        };
    }

    private JsonObject Pod(int number, string app) => Kube.Pod("default", $"pod{number}", _node.Pods[number].Address, ("app", app));

    private static JsonObject Allow(string name, params string[] from) => Kube.NetworkPolicy("default", name)
        .With("spec.podSelector", Labels("server"))
        .With("spec.ingress", new JsonArray(new JsonObject
        {
            ["from"] = new JsonArray([.. from.Select(f => new JsonObject { ["podSelector"] = Labels(f) })]),
            ["ports"] = new JsonArray(
                new JsonObject { ["protocol"] = "TCP", ["port"] = ServiceNode.Port },
                new JsonObject { ["protocol"] = "UDP", ["port"] = Port }),
        }));

    private static JsonObject Labels(string app) => new() { ["matchLabels"] = new JsonObject { ["app"] = app } };
}
