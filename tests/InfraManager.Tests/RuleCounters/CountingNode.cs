using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Monitoring;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Policy;
using ACCOffload.InfraManager.Tests.Policy.Wire;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.SoftTarget;
using ACCOffload.SoftTarget.Server;
using ACCOffload.TestKit.Logging;
using ACCOffload.TestKit.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.RuleCounters;

/// <summary>
/// A node that enforces policy on a target that forwards packets between TAPs, with ctl and metrics. Control plane and target can be
/// restarted, each without the other.
/// </summary>
internal sealed class CountingNode : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Folder _folder = new();
    private readonly string _name = "rc" + Guid.NewGuid().ToString("N")[..10];
    private readonly NetNamespace _namespace;
    private readonly bool _takesFelix;
    private readonly List<EndpointSpec> _attached = [];
    private readonly FelixConnection _felix = new();
    private FelixDecoder _decoder = new();
    private SoftTargetHost _host = null!;
    private SqliteStore _store = null!;
    private P4RuntimeSession _session = null!;
    private GnmiClient _ports = null!;
    private P4Target _target = null!;
    private Programmer _programmer = null!;
    private ApiFixture _api = null!;
    private ManagerMetrics _metrics = null!;
    private ulong _sequence;

    private CountingNode(bool takesFelix)
    {
        _takesFelix = takesFelix;
        _namespace = NetNamespace.CreateNamed(_name);
        Pods = new PodLinks(_namespace, TestNode.Settings.GatewayMac);
    }

    /// <summary>The pods: <c>shop/pod-1</c> and so on.</summary>
    public PodLinks Pods { get; }

    public LogCollector Log => _api.Log;

    private string Socket => _folder.At("p4.sock");

    public static async Task<CountingNode> StartAsync(bool takesFelix = false)
    {
        var node = new CountingNode(takesFelix);
        await node.StartTargetAsync();
        await node.OpenAsync();
        // Epoch 1, which TestNode's requests use.
        await node._programmer.SubmitAsync(TestNode.Begin, default).WaitAsync(Limit);
        if (takesFelix)
        {
            await node.SubmitAsync(new FelixIntent(node._felix, FelixStep.Begin, []));
        }

        return node;
    }

    /// <summary>Sets objects of the API server, all of which have been listed.</summary>
    public async Task SetAsync(params PolicyObject[] objects)
    {
        await SubmitAsync(new PolicyIntent([.. objects.Select(o => (o.ObjectKey, (PolicyObject?)o))]) { IsSynced = true });
        AssertInForce();
    }

    public async Task RemoveAsync(PolicyObject value)
    {
        await SubmitAsync(new PolicyIntent([(value.ObjectKey, null)]));
        AssertInForce();
    }

    /// <summary>Felix sends messages.</summary>
    public async Task SendAsync(params byte[][] messages)
    {
        await SubmitAsync(new FelixIntent(_felix, FelixStep.Send, [.. messages.Select(m => _decoder.Decode(m))]));
        AssertInForce();
    }

    /// <summary>Attaches <c>shop/pod-N</c>.</summary>
    public async Task AttachAsync(int number)
    {
        var spec = TestNode.Pod(number, ++_sequence) with { Device = DeviceKind.Tap, PodNamespace = "shop", PodUid = $"uid-{number}" };
        await SubmitAsync(TestNode.Attach(spec));
        _attached.Add(spec);
        Open(spec);
    }

    /// <summary>Sends packets from one pod to another, and fails unless all arrive, or none.</summary>
    public void Send(int count, int from, int to, byte protocol, ushort port, bool passes) =>
        Pods.Verify(Enumerable.Repeat(new Probe($"shop/pod-{from}", $"shop/pod-{to}", protocol, port, passes), count));

    /// <summary>The target ends, and another one begins, with empty tables.</summary>
    public async Task RestartTargetAsync()
    {
        Pods.CloseAll();
        await _host.DisposeAsync();
        await Eventually.TrueAsync(() => !_programmer.Status.Ready, "the programmer notices");
        await StartTargetAsync();
        await ReadyAsync();
        _attached.ForEach(Open);
    }

    /// <summary>inframanager ends, and another one begins, with the same store and target.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
        await Eventually.TrueAsync(() => _api.Counters.State.Since is not null, () => $"counters are read: {_api.Counters.State}");
    }

    public async Task<string> CtlAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", _api.ControlSocket, .. arguments], output, error);
        Assert.True(code == 0, $"{error}{output}");
        return output.ToString();
    }

    /// <summary>Waits until ctl shows something: it may be a second old.</summary>
    public async Task UntilAsync<T>(T expected, Func<JsonNode, T> found, params string[] arguments)
    {
        var last = "";
        await Eventually.TrueAsync(
            async () => Equals(found(JsonNode.Parse(last = await CtlAsync([.. arguments, "--json"]))!), expected),
            () => $"{expected} in\n{last}");
    }

    public Task<Scrape> ScrapeAsync() => Scrape.GetAsync(_metrics.Address.Port);

    public async ValueTask DisposeAsync()
    {
        Pods.Dispose();
        await CloseAsync();
        await _host.DisposeAsync();
        _namespace.Dispose();
        NetNamespace.DeleteNamed(_name);
        _folder.Dispose();
    }

    private async Task SubmitAsync<T>(Intent<T> intent) => await _programmer.SubmitAsync(intent, default).WaitAsync(Limit);

    private void AssertInForce()
    {
        var status = _programmer.Status;
        Assert.True(status is { Reconciled: true, PendingEntries: 0, Policy.IsFenced: false }, $"not in force: {status}");
    }

    private void Open(EndpointSpec spec) =>
        Pods.Open(PodKey(spec), spec.PortName, spec.Mac, spec.Addresses[0]);

    private static string PodKey(EndpointSpec spec) => $"{spec.PodNamespace}/{spec.PodName}";

    private async Task StartTargetAsync()
    {
        var options = new SoftTargetOptions { Listen = [$"unix:{Socket}"], PortNamespace = NetNamespace.NamedPath(_name) };
        _host = await SoftTargetHost.StartAsync(options, NullLoggerFactory.Instance);
    }

    private async Task OpenAsync()
    {
        var endpoint = new TargetEndpoint { Address = $"unix:{Socket}" };
        _store = SqliteStore.Open(_folder.At("state.db"), NullLogger.Instance);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                BackoffMin = TimeSpan.FromMilliseconds(5),
                BackoffMax = TimeSpan.FromMilliseconds(50),
            },
            NullLogger.Instance);
        _ports = new GnmiClient(endpoint, TimeSpan.FromSeconds(10));
        _target = new P4Target(
            _session, _ports, TestPipeline.Artifacts, TestNode.Settings, TargetTraits.Soft, TargetPorts.None, NullLogger.Instance);
        var options = new ProgrammerOptions
        {
            WatchesPolicy = !_takesFelix,
            TakesFelix = _takesFelix,
            RetryMin = TimeSpan.FromMilliseconds(5),
            RetryMax = TimeSpan.FromMilliseconds(50),
        };
        _programmer = new Programmer(TestNode.Settings, _store, _target, options, TimeProvider.System, NullLoggerFactory.Instance);
        _api = await ApiFixture.StartAsync(core: _programmer, view: _target);
        _programmer.VerdictsLeaving += _api.Counters.Wake;
        var settings = _api.Settings with { MetricsListen = new IPEndPoint(IPAddress.Loopback, 0) };
        var sources = new MetricSources(_programmer, _target, _api.Conditions, _api.Counters, _api.Server.Trust);
        _metrics = ManagerMetrics.Start(settings, sources, _api.Log, TimeProvider.System)!;
        _programmer.Start();
        _session.Start();
        _api.Counters.Start();
        await ReadyAsync();
    }

    private Task ReadyAsync() => Eventually.TrueAsync(
        () => _programmer.Status is { Ready: true, Reconciled: true, PendingEntries: 0 }, () => $"not ready: {_programmer.Status}");

    private async Task CloseAsync()
    {
        await _metrics.DisposeAsync();
        await _api.DisposeAsync();
        await _programmer.StopAsync(Limit);
        _target.Dispose();
        await _ports.DisposeAsync();
        await _session.DisposeAsync();
        _store.Dispose();
        _decoder = new FelixDecoder();
    }
}
