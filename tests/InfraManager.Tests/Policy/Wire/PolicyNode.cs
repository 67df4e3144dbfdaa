using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>
/// A node that enforces the API's objects: they are read as the watch reads them, and the programmer with its database programs a target
/// that forwards packets.
/// </summary>
internal sealed class PolicyNode : IAsyncDisposable
{
    /// <summary>The node's name.</summary>
    public const string Name = "node-1";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TapTarget _target;
    private readonly SqliteStore _store;
    private readonly Programmer _programmer;
    private readonly List<EndpointSpec> _attached = [];
    private int _number;
    private ulong _sequence;

    private PolicyNode(TapTarget target)
    {
        _target = target;
        _store = SqliteStore.Open(target.Folder.At("state.db"), NullLogger.Instance);
        _programmer = new Programmer(
            TestNode.Settings, _store, target.Target, new ProgrammerOptions { WatchesPolicy = true }, TimeProvider.System,
            NullLoggerFactory.Instance);
    }

    /// <summary>The pods.</summary>
    public PodLinks Pods => _target.Pods;

    /// <summary>What programs the target.</summary>
    public IProgrammer Programmer => _programmer;

    /// <summary>The target as ctl reads it.</summary>
    public ITargetView View => _target.Target;

    public static async Task<PolicyNode> StartAsync()
    {
        var node = new PolicyNode(await TapTarget.StartAsync());
        node._programmer.Start();
        node._target.Connect();
        // Epoch 1, which TestNode's requests use.
        await node._programmer.SubmitAsync(TestNode.Begin, default).WaitAsync(Limit);
        await Eventually.TrueAsync(() => node._programmer.Status.Ready, () => $"not ready: {node._programmer.Status}");
        return node;
    }

    /// <summary>Makes the cluster consist of these objects; returns when they are in force.</summary>
    public async Task SetAsync(IReadOnlyCollection<JsonObject> objects)
    {
        var resources = objects.Select(ApiObjects.Read).ToList();
        var all = Enum.GetValues<PolicyObjectKind>().ToDictionary(
            k => k, IReadOnlySet<string> (k) => resources.Where(r => r.Key.Kind == k).Select(r => r.Key.Name).ToHashSet());
        var intent = new PolicyIntent([.. resources.Select(r => (r.Key, r.Record))]) { Listed = all, IsSynced = true };
        await _programmer.SubmitAsync(intent, default).WaitAsync(Limit);
        var status = _programmer.Status;
        Assert.True(status is { Reconciled: true, PendingEntries: 0, Policy: { IsFenced: false, Pending: 0 } }, $"not in force: {status}");
    }

    /// <summary>Attaches a pod of this node.</summary>
    /// <param name="key">Its namespace and name.</param>
    /// <param name="address">Its address.</param>
    public async Task AttachAsync(string key, string address)
    {
        var (space, name) = (key.Split('/')[0], key.Split('/')[1]);
        var spec = TestNode.Pod(++_number, ++_sequence) with
        {
            Device = DeviceKind.Tap,
            Addresses = [IPAddress.Parse(address)],
            PodNamespace = space,
            PodName = name,
        };
        await AttachAsync(key, spec, spec.Addresses[0]);
    }

    /// <summary>Attaches the host, where a pod on its network receives what comes to the node's address.</summary>
    public Task AttachHostAsync(string key, string address) =>
        AttachAsync(key, TestNode.Host(++_sequence) with { Device = DeviceKind.Tap }, IPAddress.Parse(address));

    /// <summary>Leaves neither pods nor objects.</summary>
    public async Task ClearAsync()
    {
        Pods.CloseAll();
        foreach (var spec in _attached)
        {
            await _programmer.SubmitAsync(TestNode.Detach(spec, ++_sequence), default).WaitAsync(Limit);
        }

        _attached.Clear();
        await SetAsync([]);
    }

    private async Task AttachAsync(string key, EndpointSpec spec, IPAddress address)
    {
        await _programmer.SubmitAsync(TestNode.Attach(spec), default).WaitAsync(Limit);
        _attached.Add(spec);
        Pods.Open(key, spec.PortName, spec.Mac, address);
    }

    public async ValueTask DisposeAsync()
    {
        await _programmer.StopAsync(Limit);
        await _target.DisposeAsync();
        _store.Dispose();
    }
}
