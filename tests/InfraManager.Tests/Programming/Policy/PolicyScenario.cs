using System.Net;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Programming.Policy;

/// <summary>
/// A programmer with policy, under random changes. After every single row that reaches the target, packets are judged by the target's rows
/// and compared with what the policies allow before and after the change.
/// </summary>
internal sealed class PolicyScenario : IAsyncDisposable
{
    private const int Local = 4;
    private const int Remote = 4;
    private static readonly string[] Spaces = ["x", "y"];
    private static readonly string[] Values = ["a", "b"];
    private static readonly string[] NodeAddresses =
        ["198.51.100.7", "203.0.113.9", "10.244.0.1", "10.244.0.6", "10.244.0.77", "10.244.1.1"];

    private static readonly (byte Protocol, ushort Port)[] Ports =
        [(IpProtocol.Tcp, 80), (IpProtocol.Tcp, 81), (IpProtocol.Tcp, 8080), (IpProtocol.Udp, 80), (IpProtocol.Icmp, 0x0800)];

    private readonly Random _random;
    private readonly List<EndpointSpec> _attached = [];
    private readonly List<string> _problems = [];
    private KubernetesOracle _before = KubernetesOracle.Empty;
    private KubernetesOracle _after = KubernetesOracle.Empty;
    private ulong _sequence;
    private int _uids;

    private PolicyScenario(CoreHarness core, Random random)
    {
        Core = core;
        _random = random;
        core.Target.Applied = (update, rows) => Check([.. rows.Values], $"after {update}", mayClose: MayClose);
    }

    public CoreHarness Core { get; }

    /// <summary>Whether what is allowed may be dropped for a moment: after faults.</summary>
    public bool MayClose { get; set; }

    /// <summary>The number of packets that were judged.</summary>
    public long Judged { get; private set; }

    public static async Task<PolicyScenario> StartAsync(int seed)
    {
        var random = new Random(seed);
        var scenario = new PolicyScenario(await CoreHarness.StartAsync(options: o => o with { WatchesPolicy = true }), random);
        foreach (var space in Spaces)
        {
            scenario.Note(new NamespaceRecord(space, LabelSet.Of([new("team", space)])));
        }

        for (var i = 0; i < Local + Remote; i++)
        {
            scenario.Note(scenario.Pod(i));
        }

        scenario.Note(scenario.Node());
        scenario._before = scenario._after;
        await scenario.SubmitAsync([.. scenario._after.Objects.Values], isSynced: true);
        await scenario.AttachAsync();
        await scenario.AttachAsync();
        return scenario;
    }

    /// <summary>Makes one random change. Faults may leave it undone; then it is repeated.</summary>
    public async Task ChangeAsync()
    {
        _before = _after;
        switch (_random.Next(12))
        {
            case 0:
                await AttachAsync();
                break;
            case 1:
                await DetachAsync();
                break;
            case 2:
                await SetAsync(new NamespaceRecord(Any(Spaces), LabelSet.Of([new("team", Any(Spaces))])));
                break;
            case 3 or 4:
                await SetAsync(Pod(_random.Next(Local + Remote)));
                break;
            case 5 when _after.Policies.Count > 0:
                await SetAsync(Any(_after.Policies).ObjectKey, null);
                break;
            case 6:
                await SetAsync(Node());
                break;
            case 7 when _after.Nodes.Count > 0:
                await SetAsync(Any(_after.Nodes).ObjectKey, null);
                break;
            case 8 or 9:
                await SetAsync(ClusterPolicy());
                break;
            default:
                await SetAsync(Policy());
                break;
        }
    }

    /// <summary>Waits until the target has all rows, and expects exactly what the policies allow.</summary>
    public async Task SettleAsync()
    {
        await Core.UntilAsync(() => Core.Programmer.Status is { Ready: true, Reconciled: true, PendingEntries: 0 }, "settled");
        _before = _after;
        await Core.UntilAsync(
            () =>
            {
                lock (_problems)
                {
                    var count = _problems.Count;
                    Check(Core.Target.Rows, "settled", mayClose: false);
                    var isRight = _problems.Count == count;
                    _problems.RemoveRange(count, _problems.Count - count);
                    return isRight;
                }
            },
            "the tables to say what the policies say");
        Verify();
    }

    /// <summary>Ends the hook, starts the process again if it was killed, and settles.</summary>
    public async Task RecoverAsync()
    {
        Core.Hook = _ => { };
        if (Core.Programmer.Completion.IsCompleted)
        {
            await Core.RestartAsync(ready: false);
        }

        await SettleAsync();
    }

    public void Verify()
    {
        lock (_problems)
        {
            Assert.True(_problems.Count == 0, string.Join('\n', _problems.Take(5)));
        }
    }

    public ValueTask DisposeAsync() => Core.DisposeAsync();

    private T Any<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private void Note(PolicyObject value) => _after = _after.With(value.ObjectKey, value);

    private Task SetAsync(PolicyObject value) => SetAsync(value.ObjectKey, value);

    private async Task SetAsync(PolicyObjectKey key, PolicyObject? value)
    {
        _after = _after.With(key, value);
        await RetryAsync(() => Core.Programmer.SubmitAsync(new PolicyIntent([(key, value)]), default));
    }

    private Task SubmitAsync(PolicyObject[] objects, bool isSynced) => RetryAsync(() => Core.Programmer.SubmitAsync(
        new PolicyIntent([.. objects.Select(o => (o.ObjectKey, (PolicyObject?)o))]) { IsSynced = isSynced }, default));

    private async Task RetryAsync<T>(Func<Task<T>> request)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var sent = request();
                // A crash answers nobody.
                await Task.WhenAny(sent, Core.Programmer.Completion).WaitAsync(TimeSpan.FromSeconds(30));
                if (sent.IsCompleted)
                {
                    await sent;
                    return;
                }

                Core.Hook = _ => { };
                await Core.RestartAsync(ready: false);
            }
            catch (IntentException) when (attempt < 50)
            {
                await Task.Delay(5);
            }
        }
    }

    private async Task AttachAsync()
    {
        var free = Enumerable.Range(0, Local).Where(i => _attached.TrueForAll(a => a.PodName != $"pod-{i}")).ToList();
        if (free.Count == 0)
        {
            return;
        }

        var number = Any(free);
        var pod = _after.Pods.Single(p => p.Name == $"pod-{number}");
        var spec = TestNode.Pod(number, ++_sequence) with { PodNamespace = pod.Namespace, PodUid = pod.Uid };
        _attached.Add(spec);
        await RetryAsync(() => Core.Programmer.SubmitAsync(TestNode.Attach(spec), default));
    }

    private async Task DetachAsync()
    {
        if (_attached.Count == 0)
        {
            return;
        }

        var spec = Any(_attached);
        await RetryAsync(() => Core.Programmer.SubmitAsync(TestNode.Detach(spec, ++_sequence), default));
        _attached.Remove(spec);
    }

    private PodRecord Pod(int number)
    {
        var known = _after.Pods.SingleOrDefault(p => p.Name == $"pod-{number}");
        SequenceOf<ContainerPort> ports = [new("http", IpProtocol.Tcp, Any<ushort>([80, 8080]))];
        // A pod's labels may change, its ports never do.
        return new PodRecord(
            known?.Namespace ?? Any(Spaces), $"pod-{number}", LabelSet.Of([new("app", Any(Values)), new("tier", Any(Values))]),
            [PolicyAddress.Of(TestNode.Ip(number))], known?.Ports ?? ports)
        {
            Uid = known?.Uid ?? $"uid-{_uids++}",
            Node = number < Local ? "node-1" : "node-2",
        };
    }

    /// <summary>A node with some of the addresses that packets go to. Two may have the same, and a pod may have it, too.</summary>
    private NodeRecord Node() => new(
        $"node-{1 + _random.Next(3)}", LabelSet.Of([new("zone", Any(Values))]),
        [.. Many(() => Any(NodeAddresses)).Select(PolicyAddress.Parse).Distinct().Order()]);

    // Of all namespaces: otherwise a namespace's labels would change a pod's own policies and its peers, which is no change in one step.
    private ClusterPolicyRecord ClusterPolicy() => new(
        $"cluster-{_random.Next(3)}", _random.Next(2) == 0, _random.Next(3), LabelSelector.All, Selector("app"),
        [.. ClusterRules(() => Peer("team"))],
        [.. ClusterRules(() => _random.Next(2) == 0 ? Peer("team") : new PolicyPeer { Nodes = Selector("zone") })]);

    private IEnumerable<ClusterPolicyRule> ClusterRules(Func<PolicyPeer> peer)
    {
        for (var i = _random.Next(3); i > 0; i--)
        {
            yield return new ClusterPolicyRule(
                "", Any([PolicyAction.Allow, PolicyAction.Deny, PolicyAction.Pass]), [peer(), .. Many(peer)], [.. Many(Port)]);
        }
    }

    private NetworkPolicyRecord Policy() => new(
        Any(Spaces), $"policy-{_random.Next(4)}", Selector("app"), [.. Rules()], [.. Rules()],
        Any<SequenceOf<string>>([[], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]));

    private IEnumerable<NetworkPolicyRule> Rules()
    {
        for (var i = _random.Next(3); i > 0; i--)
        {
            yield return new NetworkPolicyRule([.. Many(() => Peer())], [.. Many(Port)]);
        }
    }

    private IEnumerable<T> Many<T>(Func<T> make) => Enumerable.Range(0, _random.Next(3)).Select(_ => make());

    /// <param name="namespaces">The label that selects the namespaces; empty where the policy's own namespace may be meant, too.</param>
    private PolicyPeer Peer(string namespaces = "") => _random.Next(4) switch
    {
        0 => new PolicyPeer { Nets = [PolicyNet.Parse(Any(["10.244.0.0/16", "10.244.0.0/29", "198.51.100.0/24", "0.0.0.0/0"]))], Except = [.. Many(Net)] },
        1 => new PolicyPeer { Pods = Selector("tier"), Namespaces = namespaces.Length > 0 ? Selector(namespaces) : null },
        2 => new PolicyPeer { Namespaces = Selector("team") },
        _ => new PolicyPeer { Namespaces = LabelSelector.All, Pods = Selector("app") },
    };

    private PolicyNet Net() => PolicyNet.Parse(Any(["10.244.0.2/32", "10.244.0.4/30", "198.51.100.7/32"]));

    private LabelSelector Selector(string key) => _random.Next(3) switch
    {
        0 => LabelSelector.All,
        1 => new LabelSelector([new LabelRequirement(key, LabelOperator.NotIn, [Any(key == "team" ? Spaces : Values)])]),
        _ => new LabelSelector([new LabelRequirement(key, LabelOperator.In, [Any(key == "team" ? Spaces : Values)])]),
    };

    private PolicyPort Port() => _random.Next(5) switch
    {
        0 => new PolicyPort(IpProtocol.Tcp, null),
        1 => new PolicyPort(IpProtocol.Tcp, 80, 81),
        2 => new PolicyPort(IpProtocol.Udp, 80),
        3 => new PolicyPort(IpProtocol.Tcp, null, null, "http"),
        _ => new PolicyPort(IpProtocol.Tcp, Any<ushort>([80, 81, 8080])),
    };

    private void Check(IReadOnlyCollection<Entry> rows, string when, bool mayClose)
    {
        var judge = new TargetJudge(rows);
        var pods = judge.Pods.ToHashSet();
        IPAddress[] peers =
        [
            .. Enumerable.Range(0, Local + Remote).Select(TestNode.Ip), TestNode.Ip(77), TestNode.Ip(78), IPAddress.Parse("198.51.100.7"),
            IPAddress.Parse("203.0.113.9"),
        ];
        foreach (var pod in _after.Pods.Where(p => p.Node == "node-1" && pods.Contains(p.Addresses[0].ToIPAddress())))
        {
            // A pod is not judged for what it sends to itself.
            var others = peers.Where(p => !p.Equals(pod.Addresses[0].ToIPAddress()));
            foreach (var (isIngress, peer, port) in from i in new[] { true, false } from p in others from o in Ports select (i, p, o))
            {
                Judged++;
                var passes = judge.Allows(pod.Addresses[0].ToIPAddress(), isIngress, peer, port.Protocol, port.Port);
                var before = _before.Allows(pod.Key, isIngress, peer, port.Protocol, port.Port);
                var after = _after.Allows(pod.Key, isIngress, peer, port.Protocol, port.Port);
                if ((passes && !before && !after) || (!passes && before && after && !mayClose))
                {
                    lock (_problems)
                    {
                        _problems.Add($"{when}: {pod.Key} {(isIngress ? "from" : "to")} {peer} {port}: passes {passes}, before {before}, after {after}");
                    }
                }
            }
        }
    }
}
