using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>The programmer with its real session, gNMI client and database, against a fake server.</summary>
internal sealed class ServerHarness : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly string _folder;
    private SqliteStore? _store;
    private P4RuntimeSession? _session;
    private GnmiClient? _ports;
    private P4Target? _target;

    private ServerHarness(string folder, FakeP4Server server)
    {
        _folder = folder;
        Server = server;
        Programmer = null!;
    }

    public FakeP4Server Server { get; }

    public Programmer Programmer { get; private set; }

    public P4Target Target => _target!;

    public static async Task<ServerHarness> StartAsync(Action<FakeP4Server>? prepare = null)
    {
        var folder = Directory.CreateTempSubdirectory("im-p4-").FullName;
        var server = await FakeP4Server.StartAsync(Path.Combine(folder, "p4.sock"));
        prepare?.Invoke(server);
        var harness = new ServerHarness(folder, server);
        harness.Open();
        // Epoch 1, which TestNode's requests use.
        await harness.Programmer.SubmitAsync(TestNode.Begin, default).WaitAsync(Limit);
        return harness;
    }

    public void Open()
    {
        var endpoint = new TargetEndpoint { Address = Server.Address };
        _store = SqliteStore.Open(Path.Combine(_folder, "state.db"), NullLogger.Instance);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                RpcTimeout = TimeSpan.FromSeconds(1),
                ReadTimeout = TimeSpan.FromSeconds(1),
                PipelineTimeout = TimeSpan.FromSeconds(1),
                BackoffMin = TimeSpan.FromMilliseconds(5),
                BackoffMax = TimeSpan.FromMilliseconds(50),
            },
            NullLogger.Instance);
        _ports = new GnmiClient(endpoint, TimeSpan.FromSeconds(1));
        _target = new P4Target(_session, _ports, TestPipeline.Artifacts, TestNode.Settings, TargetTraits.Soft, TargetPorts.None,
            NullLogger.Instance);
        var options = new ProgrammerOptions
        {
            RetryMin = TimeSpan.FromMilliseconds(5),
            RetryMax = TimeSpan.FromMilliseconds(50),
            WriteLimit = TimeSpan.FromMilliseconds(700),
            PortLimit = TimeSpan.FromMilliseconds(700),
            AuditAfterUnknown = TimeSpan.FromMilliseconds(50),
        };
        Programmer = new Programmer(TestNode.Settings, _store, _target, options, TimeProvider.System, NullLoggerFactory.Instance);
        _session.Start();
        Programmer.Start();
    }

    public async Task CloseAsync()
    {
        await Programmer.StopAsync(TimeSpan.Zero);
        _target!.Dispose();
        await _ports!.DisposeAsync();
        await _session!.DisposeAsync();
        _store!.Dispose();
        _store = null;
    }

    public async Task ReadyAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        await Programmer.WaitReadyAsync(limit.Token);
    }

    public async Task<IReadOnlyList<EndpointView>> SettledAsync()
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!(Programmer.Status is { Reconciled: true, PendingEntries: 0 }) || Difference() is not null)
        {
            if (TimeProvider.System.GetElapsedTime(start) > Limit)
            {
                throw new TimeoutException($"not settled: {Difference()}; {Programmer.Status}");
            }

            await Task.Delay(2);
        }

        return Programmer.Endpoints;
    }

    /// <summary>How the server differs from the endpoints; null if it does not.</summary>
    public string? Difference()
    {
        var endpoints = Programmer.Endpoints;
        var ports = Server.Ports;
        if (!ports.Keys.ToHashSet().SetEquals(endpoints.Select(e => e.Endpoint.Spec.PortName)))
        {
            return $"ports are {string.Join(' ', ports.Keys)}";
        }

        return ServerRows.Difference(Programmer, TestNode.Settings, ports, Server.Rows);
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await CloseAsync();
        }

        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
