using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using Microsoft.Extensions.Logging.Abstractions;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Tests.Package;

/// <summary>The programmer with its real session and database, against a server that runs a package.</summary>
internal sealed class PackageHarness : IAsyncDisposable
{
    private readonly Folder _folder = new();
    private SqliteStore? _store;
    private P4RuntimeSession? _session;
    private GnmiClient? _ports;
    private P4Target? _target;

    private PackageHarness(PipelineProfile profile)
    {
        Node = TestNode.Settings with
        {
            Profile = profile,
            // The vport of VSI 4: port 20.
            GatewayMac = MacAddress.Parse("00:04:00:00:03:14"),
            Devices = new DeviceRules { PortRule = profile == PipelineProfiles.Es2k2401 ? PortRule.Mac : PortRule.Gnmi },
        };
    }

    public NodeSettings Node { get; set; }

    public PackageServer Server { get; private set; } = null!;

    public Programmer Programmer { get; private set; } = null!;

    public P4Target Target => _target!;

    public string DatabasePath => _folder.At("state.db");

    public static async Task<PackageHarness> StartAsync(PipelineProfile profile, P4Info? info, bool wait = true, bool open = true)
    {
        var harness = new PackageHarness(profile);
        harness.Server = await PackageServer.StartAsync(harness._folder.At("p4.sock"), info);
        if (!open)
        {
            return harness;
        }

        harness.Open();
        if (wait)
        {
            await harness.ReadyAsync();
        }

        return harness;
    }

    public void Open()
    {
        var endpoint = new TargetEndpoint { Address = Server.Address };
        _store = SqliteStore.Open(DatabasePath, NullLogger.Instance);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                BackoffMin = TimeSpan.FromMilliseconds(5),
                BackoffMax = TimeSpan.FromMilliseconds(50)
            }, NullLogger.Instance);
        _ports = new GnmiClient(endpoint, TimeSpan.FromSeconds(30));
        _target = new P4Target(_session, _ports, null, Node, TargetTraits.Soft, TargetPorts.None, NullLogger.Instance);
        var options = new ProgrammerOptions
        {
            RetryMin = TimeSpan.FromMilliseconds(5),
            RetryMax = TimeSpan.FromMilliseconds(50),
            WriteLimit = TimeSpan.FromSeconds(30),
            PortLimit = TimeSpan.FromSeconds(30),
            OutcomeLimit = TimeSpan.FromSeconds(30),
        };
        Programmer = new Programmer(Node, _store, _target, options, TimeProvider.System, NullLoggerFactory.Instance);
        _session.Start();
        Programmer.Start();
    }

    public async Task CloseAsync()
    {
        await Programmer.StopAsync(TimeSpan.FromSeconds(30));
        _target!.Dispose();
        await _ports!.DisposeAsync();
        await _session!.DisposeAsync();
        _store!.Dispose();
        _store = null;
    }

    /// <summary>Restarts the programmer on the same state.</summary>
    public async Task ReopenAsync()
    {
        await CloseAsync();
        Open();
        await ReadyAsync();
    }

    public async Task ReadyAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        await Programmer.WaitReadyAsync(limit.Token);
        await SettledAsync();
    }

    /// <summary>Waits until nothing is left to write.</summary>
    public Task SettledAsync() =>
        Eventually.TrueAsync(() => Programmer.Status is { Ready: true, PendingEntries: 0 },
            () => $"settled: {Programmer.Status}; {string.Join('\n', Server.Refused)}");

    public Task<AttachOutcome> AttachAsync(EndpointSpec spec) => Programmer.SubmitAsync(new AttachIntent(spec), default);

    public Task DetachAsync(EndpointSpec spec) => Programmer.SubmitAsync(TestNode.Detach(spec), default);

    public Task SetAsync(ServiceSpec spec) => Programmer.SubmitAsync(new ServiceIntent(spec.Key, spec), default);

    public Task RemoveAsync(int service) => Programmer.SubmitAsync(new ServiceIntent(TestService.Key(service), null), default);

    /// <summary>A pod whose MAC encodes the VSI <c>number + 9</c>; its port is <c>number + 25</c>.</summary>
    public static EndpointSpec Pod(int number) => TestNode.Pod(number) with
    {
        Device = DeviceKind.SubFunction,
        Mac = MacAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"00:{number + 9:x2}:00:00:03:14")),
    };

    public static EndpointSpec Host() =>
        TestNode.Host() with { Device = DeviceKind.SubFunction, Mac = MacAddress.Parse("00:05:00:00:03:14") };

    public static string Hex(IPAddress address) => Convert.ToHexStringLower(address.GetAddressBytes()).TrimStart('0');

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await CloseAsync();
        }

        await Server.DisposeAsync();
        _folder.Dispose();
    }
}
