using System.Net;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>A target that forwards packets by what a policy compiler says, whatever the policy model was made from.</summary>
internal sealed class CompiledNode : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TapTarget _target;
    private readonly EndpointCompiler _endpoints = new(TestPipeline.Artifacts.Pipeline, TestNode.Settings);
    private readonly PolicyRowCompiler _policy = new(TestPipeline.Artifacts.Pipeline);
    private readonly Dictionary<string, (Endpoint Endpoint, uint Port)> _pods = new(StringComparer.Ordinal);
    private readonly Dictionary<EntryKey, Entry> _written = [];
    private readonly Dictionary<string, PolicySets> _sets = new(StringComparer.Ordinal);
    private PolicyNumbering _numbers = new();

    private CompiledNode(TapTarget target) => _target = target;

    /// <summary>The pods.</summary>
    public PodLinks Pods => _target.Pods;

    public static async Task<CompiledNode> StartAsync()
    {
        var node = new CompiledNode(await TapTarget.StartAsync());
        node._target.Connect();
        await Eventually.TrueAsync(() => node._target.Target.Connection.IsPrimary, "not the target's primary");
        using var limit = new CancellationTokenSource(Limit);
        await node._target.Target.EnsurePipelineAsync(limit.Token);
        return node;
    }

    /// <summary>Attaches a pod that no policy selects yet.</summary>
    /// <param name="name">How probes name it.</param>
    /// <param name="address">Its address.</param>
    public async Task AttachAsync(string name, IPAddress address)
    {
        var spec = TestNode.Pod(_pods.Count + 1) with { Device = DeviceKind.Tap, Addresses = [address] };
        using var limit = new CancellationTokenSource(Limit);
        var port = await _target.Target.AddPortAsync(PortSpec.Of(spec, TestNode.Settings.Mtu), limit.Token);
        var endpoint = new Endpoint(_pods.Count + 1, spec, false);
        _pods.Add(name, (endpoint, port));
        await WriteAsync([.. _endpoints.Compile(endpoint, port).Select(e => new EntryUpdate(UpdateKind.Insert, e))]);
        Pods.Open(name, spec.PortName, spec.Mac, address);
    }

    /// <summary>Writes all rows of a compiler, in place of those of another. Its endpoints are the pods of these names.</summary>
    public async Task LoadAsync(PolicyCompiler compiler)
    {
        await ClearAsync();
        _numbers = new PolicyNumbering();
        await ApplyAsync([.. compiler.Rows.Concat(compiler.Bindings).Select(r => new RowChange(RowChangeKind.Insert, r))]);
    }

    /// <summary>Writes a change in its order.</summary>
    public async Task ApplyAsync(IReadOnlyList<RowChange> changes)
    {
        foreach (var step in PolicySteps.Split(changes))
        {
            var updates = new List<EntryUpdate>();
            foreach (var change in step)
            {
                if (change.Row is BindingRow binding)
                {
                    Bind(binding, change.Kind, updates);
                }
                else if (_policy.For(change.Row, _numbers) is { } entry)
                {
                    updates.Add(new EntryUpdate(KindOf(change.Kind), entry));
                }
            }

            await WriteAsync(updates);
        }
    }

    public ValueTask DisposeAsync() => _target.DisposeAsync();

    private async Task ClearAsync()
    {
        var updates = new List<EntryUpdate>();
        foreach (var pod in _sets.Keys.ToList())
        {
            SetSets(pod, PolicySets.None, updates);
        }

        await WriteAsync(updates);
        var kept = _pods.Values.SelectMany(p => _endpoints.Compile(p.Endpoint, p.Port)).Select(e => e.Key).ToHashSet();
        await WriteAsync([.. _written.Values.Where(e => !kept.Contains(e.Key)).Select(e => new EntryUpdate(UpdateKind.Delete, e))]);
    }

    private void Bind(BindingRow row, RowChangeKind kind, List<EntryUpdate> updates)
    {
        // An endpoint without an IPv4 address is not on the target.
        if (!_pods.ContainsKey(row.Endpoint))
        {
            return;
        }

        var set = kind == RowChangeKind.Delete ? 0 : _numbers.Group(row.Set);
        var former = _sets.GetValueOrDefault(row.Endpoint);
        var sets = row.Direction == PolicyDirection.Egress ? former with { Egress = set } : former with { Ingress = set };
        SetSets(row.Endpoint, sets, updates);
    }

    private void SetSets(string pod, PolicySets sets, List<EntryUpdate> updates)
    {
        _sets[pod] = sets;
        foreach (var entry in _endpoints.Compile(_pods[pod].Endpoint, _pods[pod].Port, sets: sets))
        {
            updates.RemoveAll(u => u.Entry.Key.Equals(entry.Key));
            if (!_written[entry.Key].SameAs(entry))
            {
                updates.Add(new EntryUpdate(UpdateKind.Modify, entry));
            }
        }
    }

    private static UpdateKind KindOf(RowChangeKind kind) => kind switch
    {
        RowChangeKind.Insert => UpdateKind.Insert,
        RowChangeKind.Modify => UpdateKind.Modify,
        _ => UpdateKind.Delete,
    };

    private async Task WriteAsync(List<EntryUpdate> updates)
    {
        if (updates.Count == 0)
        {
            return;
        }

        using var limit = new CancellationTokenSource(Limit);
        var result = await _target.Target.WriteAsync(updates.ToArray(), limit.Token);
        Assert.True(result.Outcome == WriteOutcome.Applied, $"{result.Outcome}: {result.Message} {string.Join(", ", result.Errors)}");
        foreach (var update in updates)
        {
            _written.Remove(update.Entry.Key);
            if (update.Kind != UpdateKind.Delete)
            {
                _written.Add(update.Entry.Key, update.Entry);
            }
        }
    }
}
