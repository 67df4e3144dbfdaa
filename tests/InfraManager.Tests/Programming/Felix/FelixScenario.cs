using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Net;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.InfraManager.Tests.Programming.Policy;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Programming.Felix;

/// <summary>
/// A programmer that gets its policy from a Felix, under random changes. After every single row that reaches the target, packets are judged
/// by the target's rows and compared with what Felix wants before and after the change.
/// </summary>
internal sealed class FelixScenario : IAsyncDisposable
{
    private const int Local = 4;
    private const int Remote = 4;
    private const string Space = "prod";
    private const string Profile = "kns.prod";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly string[] SetIds = ["s:a", "s:b"];
    private static readonly string[] Tiers = ["security", "default"];

    private static readonly (byte Protocol, ushort Port)[] Ports =
        [(IpProtocol.Tcp, 80), (IpProtocol.Tcp, 81), (IpProtocol.Udp, 80), (IpProtocol.Icmp, 0x0800)];

    private readonly Random _random;
    private readonly List<string> _problems = [];
    private readonly CancellationTokenSource _stop = new();
    private ImmutableDictionary<string, IPAddress> _attached = ImmutableDictionary<string, IPAddress>.Empty;
    private FelixOracle _before = new();
    private FelixOracle _after = new();
    private readonly FelixDialect _dialect;
    private FelixWriter _felix;
    private Pipe _input = new();
    private FelixSession? _session;
    private Task _running = Task.CompletedTask;
    private CancellationTokenSource _connection = new();
    private int _sent;
    private int _taken;
    private ulong _sequence;

    private FelixScenario(CoreHarness core, Random random)
    {
        Core = core;
        _random = random;
        _dialect = random.Next(2) == 0 ? FelixDialect.Kinds : FelixDialect.Names;
        _felix = new FelixWriter(_dialect);
        core.Target.Applied = (update, rows) => Check([.. rows.Values], $"after {update}", MayClose);
    }

    public CoreHarness Core { get; }

    /// <summary>Whether what is allowed may be dropped for a moment: after faults and starts.</summary>
    public bool MayClose { get; set; }

    /// <summary>The number of packets that were judged.</summary>
    public long Judged { get; private set; }

    public FelixStatus Status => _session?.Status ?? FelixStatus.None("no Felix is connected");

    /// <summary>The number of rows of policy that the target has.</summary>
    public int PolicyRows => Core.Target.Rows.Count(IsOfPolicy);

    public static bool IsOfPolicy(Entry row) => row.Table.Alias is "verdicts" or "egress_groups" or "ingress_groups" or "peers" or "nets"
        or "ports" or "port_ranges";

    /// <summary>Starts a programmer with some pods, and connects a Felix.</summary>
    public static async Task<FelixScenario> StartAsync(int seed)
    {
        var random = new Random(seed);
        var scenario = new FelixScenario(await CoreHarness.StartAsync(options: o => o with { TakesFelix = true }), random);
        scenario.Fill();
        scenario._before = new FelixOracle();
        await scenario.AttachAsync(0);
        await scenario.AttachAsync(1);
        await scenario.ConnectAsync();
        await scenario.SettleAsync();
        return scenario;
    }

    /// <summary>A Felix connects and sends everything.</summary>
    public async Task ConnectAsync(bool isWhole = true)
    {
        _felix = new FelixWriter(_dialect);
        _input = new Pipe();
        _connection.Dispose();
        _connection = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        _session = new FelixSession(new TwoWayStream(_input.Reader.AsStream()), SubmitAsync, TimeProvider.System, NullLogger.Instance);
        _running = _session.RunAsync(_connection.Token);
        _sent = _taken = 0;
        byte[][] snapshot =
        [
            .. _after.Sets.Select(s => _felix.Set(s.Key, 2, s.Value.Select(m => $"{m}/32"))),
            .. _after.Policies.Select(p => Message(p.Key, p.Value)),
            _felix.Profile(Profile, [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
            .. _after.Pods.Select(p => Message(p.Key, p.Value)),
        ];
        await SendAsync(isWhole ? [.. snapshot, _felix.InSync()] : snapshot[..(snapshot.Length / 2)]);
    }

    /// <summary>Felix goes: it closes its connection, or is cut off with a programmer that has died.</summary>
    public async Task DisconnectAsync()
    {
        await _input.Writer.CompleteAsync();
        if (Core.Programmer.Completion.IsCompleted)
        {
            await _connection.CancelAsync();
        }

        try
        {
            await _running.WaitAsync(Limit);
        }
        catch (OperationCanceledException)
        {
            // Cut off.
        }

        _session?.Dispose();
        _session = null;
    }

    /// <summary>Makes one random change of what Felix says.</summary>
    public Task ChangeAsync()
    {
        var pod = $"{Space}/pod-{_random.Next(Local)}";
        switch (_random.Next(7))
        {
            case 0 or 1:
                var name = Any([.. _after.Policies.Keys.Order()]);
                return SetAsync(name, Policy(_after.Policies[name].IsStaged));
            case 2:
                return MoveMembersAsync();
            case 3 when _after.Pods.ContainsKey(pod):
                return SetAsync(pod, (OraclePod?)null);
            case 4 when _after.Pods.TryGetValue(pod, out var known):
                // Another pod with this name, of which this node does not know yet.
                var number = pod[^1] - '0';
                var other = TestNode.Ip(known.Address.Equals(TestNode.Ip(number)) ? number + 40 : number);
                return SetAsync(pod, known with { Address = other });
            default:
                return SetAsync(pod, Pod(pod));
        }
    }

    /// <summary>Adds or removes a pod of this node.</summary>
    public async Task ChangePodsAsync()
    {
        _before = _after;
        var number = _random.Next(Local);
        if (_attached.ContainsKey($"{Space}/pod-{number}"))
        {
            await DetachAsync(number);
        }
        else
        {
            await AttachAsync(number);
        }
    }

    public async Task AttachAsync(int number, int? address = null)
    {
        var spec = TestNode.Pod(number, ++_sequence, ip: address) with { PodNamespace = Space, PodUid = $"uid-{_sequence}" };
        lock (_problems)
        {
            _attached = _attached.SetItem($"{Space}/pod-{number}", spec.Addresses[0]);
        }

        await Core.AttachAsync(spec);
    }

    public async Task DetachAsync(int number)
    {
        await Core.DetachAsync(TestNode.Pod(number), ++_sequence);
        lock (_problems)
        {
            _attached = _attached.Remove($"{Space}/pod-{number}");
        }
    }

    public Task SetAsync(string policy, OraclePolicy value)
    {
        Note(_after with { Policies = _after.Policies.SetItem(policy, value) });
        return SendAsync(Message(policy, value));
    }

    public Task SetAsync(string pod, OraclePod? value)
    {
        Note(_after with { Pods = value is null ? _after.Pods.Remove(pod) : _after.Pods.SetItem(pod, value) });
        return SendAsync(value is null ? _felix.EndpointRemove(pod) : Message(pod, value));
    }

    /// <summary>What Felix wants for a pod; random.</summary>
    public OraclePod Pod(string pod) => new(
        TestNode.Ip(pod[^1] - '0'),
        [
            .. Tiers.Select(t => new OracleTier(t, _random.Next(2) == 0, Shuffled(_after.Policies.Keys.Where(p => IsOf(t, p)))))
                .Where(t => t.Policies.Length > 0),
        ],
        _random.Next(2) == 0);

    /// <summary>Sends messages without a change of what is expected, and waits until the programmer has taken them.</summary>
    public async Task SendAsync(params byte[][] messages)
    {
        _sent += messages.Length;
        foreach (var message in messages)
        {
            await _input.Writer.WriteAsync(FelixFrames.Encode(message));
        }

        await Core.UntilAsync(
            () => Volatile.Read(ref _taken) >= _sent || _running.IsCompleted || Core.Programmer.Completion.IsCompleted,
            $"{messages.Length} messages to be taken");
    }

    /// <summary>Waits for a problem. The session tells of it after the programmer has taken the message.</summary>
    public async Task<FelixProblem> ProblemAsync(string subject)
    {
        await Core.UntilAsync(() => Status.Problems.Any(p => p.Subject == subject), $"a problem of {subject}");
        return Status.Problems.Single(p => p.Subject == subject);
    }

    /// <summary>Waits until the target has all rows, and expects exactly what Felix wants.</summary>
    public async Task SettleAsync()
    {
        await Core.UntilAsync(() => Core.Programmer.Status is { Ready: true, Reconciled: true, PendingEntries: 0 }, "settled");
        Note(_after);
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
            "the tables to say what Felix wants");
        Verify();
    }

    /// <summary>Ends the hook; if the process was killed, starts it and its Felix again. Then settles.</summary>
    public async Task RecoverAsync()
    {
        if (await Core.EndHookAsync())
        {
            await Core.Programmer.Completion.WaitAsync(Limit);
            await DisconnectAsync();
            await Core.RestartAsync(ready: false);
            await ConnectAsync();
        }

        await SettleAsync();
    }

    /// <summary>Whether a pod of this node passes anything at all.</summary>
    public bool IsClosed(string pod)
    {
        var judge = new TargetJudge(Core.Target.Rows);
        return !Peers(_attached[pod]).Any(p => Ports.Any(o => judge.Allows(_attached[pod], true, p, o.Protocol, o.Port)
            || judge.Allows(_attached[pod], false, p, o.Protocol, o.Port)));
    }

    public IEnumerable<string> Attached => _attached.Keys;

    public void Verify()
    {
        lock (_problems)
        {
            Assert.True(_problems.Count == 0, string.Join('\n', _problems.Take(5)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ContinueWith(_ => { }, TaskScheduler.Default);
        _session?.Dispose();
        await Core.DisposeAsync();
        _connection.Dispose();
        _stop.Dispose();
    }

    /// <summary>Hands an intent to the programmer. One that has died answers nobody.</summary>
    private async Task<FelixView> SubmitAsync(FelixIntent intent, CancellationToken cancel)
    {
        var programmer = Core.Programmer;
        var sent = programmer.SubmitAsync(intent, cancel);
        await Task.WhenAny(sent, programmer.Completion);
        var view = sent.IsCompleted ? await sent : throw IntentException.Unavailable("it has died");
        Interlocked.Add(ref _taken, intent.Messages.Count);
        return view;
    }

    private void Note(FelixOracle next)
    {
        lock (_problems)
        {
            (_before, _after) = (_after, next);
        }
    }

    private void Fill()
    {
        foreach (var set in SetIds)
        {
            _after = _after with { Sets = _after.Sets.SetItem(set, [.. Enumerable.Range(0, 4).Select(_ => Member())]) };
        }

        foreach (var name in (string[])["security.p0", "security.s0", "default.p1", "default.p2", "default.s1"])
        {
            _after = _after with { Policies = _after.Policies.SetItem(name, Policy(name.Contains(".s", StringComparison.Ordinal))) };
        }

        for (var i = 0; i < Local; i++)
        {
            _after = _after with { Pods = _after.Pods.SetItem($"{Space}/pod-{i}", Pod($"{Space}/pod-{i}")) };
        }
    }

    private Task MoveMembersAsync()
    {
        var id = Any(SetIds);
        var former = _after.Sets[id];
        var next = former.Except(former.Where(_ => _random.Next(3) == 0)).Union(Enumerable.Range(0, 2).Select(_ => Member()));
        Note(_after with { Sets = _after.Sets.SetItem(id, next) });
        return SendAsync(_felix.Delta(id, next.Except(former).Select(m => $"{m}/32"), former.Except(next).Select(m => $"{m}/32")));
    }

    private byte[] Message(string policy, OraclePolicy value) => _felix.Policy(
        policy, [.. value.Ingress.Select(r => Rule(r, setField: 10))], [.. value.Egress.Select(r => Rule(r, setField: 11))],
        value.IsStaged);

    private byte[] Message(string pod, OraclePod value) => _felix.Endpoint(
        pod, [$"{value.Address}/32"],
        [
            .. value.Tiers.Select(t =>
            {
                string[] listed = [.. t.Policies.Select(p => _after.Policies[p].IsStaged ? $"staged {p}" : p)];
                return new FelixTierText(t.Name, t.Passes ? "Pass" : "Deny", listed, listed);
            }),
        ],
        value.HasProfile ? [Profile] : []);

    private static ProtoWriter Rule(OracleRule rule, int setField) => FelixWriter.Rule(rule.Action, r =>
    {
        if (rule.Port > 0)
        {
            r.Message(3, new ProtoWriter().Text(2, "tcp")).Message(7, new ProtoWriter().Number(1, rule.Port).Number(2, rule.Port));
        }

        if (rule.Set.Length > 0)
        {
            r.Text(setField, rule.Set);
        }
    });

    private OraclePolicy Policy(bool isStaged) => new(isStaged, Rules(), Rules());

    private OracleRule[] Rules() =>
    [
        .. Enumerable.Range(0, _random.Next(4)).Select(_ => new OracleRule(
            Any<string>(["allow", "allow", "deny", "next-tier", "log"]), Any<string>(["", .. SetIds]), Any<ushort>([0, 80, 81]))),
    ];

    private IPAddress Member() => _random.Next(5) == 0 ? IPAddress.Parse("198.51.100.7") : TestNode.Ip(_random.Next(Local + Remote));

    private static bool IsOf(string tier, string policy) => policy.StartsWith($"{tier}.", StringComparison.Ordinal);

    private T Any<T>(T[] list) => list[_random.Next(list.Length)];

    private string[] Shuffled(IEnumerable<string> names)
    {
        var all = names.Order(StringComparer.Ordinal).Where(_ => _random.Next(3) > 0).ToArray();
        _random.Shuffle(all);
        return all;
    }

    private static IEnumerable<IPAddress> Peers(IPAddress pod) =>
        // A pod is not judged for what it sends to itself.
        Enumerable.Range(0, Local + Remote).Select(TestNode.Ip).Append(TestNode.Ip(77)).Append(IPAddress.Parse("198.51.100.7"))
            .Where(p => !p.Equals(pod));

    private void Check(IReadOnlyCollection<Entry> rows, string when, bool mayClose)
    {
        lock (_problems)
        {
            var judge = new TargetJudge(rows);
            var pods = judge.Pods.ToHashSet();
            foreach (var (pod, address) in _attached.Where(a => pods.Contains(a.Value)))
            {
                foreach (var (isIngress, peer, port) in
                    from i in new[] { true, false } from p in Peers(address) from o in Ports select (i, p, o))
                {
                    Judged++;
                    var passes = judge.Allows(address, isIngress, peer, port.Protocol, port.Port);
                    var before = _before.Allows(pod, address, isIngress, peer, port.Protocol, port.Port);
                    var after = _after.Allows(pod, address, isIngress, peer, port.Protocol, port.Port);
                    if ((passes && !before && !after) || (!passes && before && after && !mayClose))
                    {
                        _problems.Add(
                            $"{when}: {pod} {(isIngress ? "from" : "to")} {peer} {port}: passes {passes}, before {before}, after {after}");
                    }
                }
            }
        }
    }
}
