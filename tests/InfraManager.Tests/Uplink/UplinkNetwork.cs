using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>
/// The node network: a bridge with hosts, to which the exception interface is connected directly. The node has 192.0.2.10/24, and the
/// gateway 192.0.2.1.
/// </summary>
internal sealed class UplinkNetwork : IAsyncDisposable
{
    public const string Gateway = "192.0.2.1";
    public const string GatewayMac = "02:00:00:00:01:01";
    public static readonly MacAddress Mac = MacAddress.Parse("02:00:00:00:00:99");

    private readonly Namespaces _namespaces = new();
    private string _bridge = "";
    private UplinkWatch? _watch;

    public RecordedNeighbors Sink { get; } = new();

    public string Acc => $"{_namespaces.Prefix}-acc";

    public UplinkSettings Settings { get; private set; } = null!;

    public UplinkWatch Watch => _watch!;

    public static async Task<UplinkNetwork> CreateAsync(int limit = 1024)
    {
        var network = new UplinkNetwork();
        network.Settings = new UplinkSettings("eth1", Mac, [new(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse(Gateway))])
        {
            Addresses = [new(IPAddress.Parse("192.0.2.10"), 24)],
            Exception = new ExceptionPort("accx0", "accx1", NetNamespace.NamedPath(network.Acc)),
            MaxNeighbors = limit,
        };
        network._bridge = await network._namespaces.AddAsync("net");
        await network.RunAsync(network._bridge, "ip link add br0 type bridge mcast_snooping 0");
        await network.RunAsync(network._bridge, "ip link set br0 up");
        await network.MakeAccAsync();
        return network;
    }

    /// <summary>Creates the network with its gateway, and starts the watch; returns when the gateway is reported.</summary>
    public static async Task<UplinkNetwork> StartWithGatewayAsync()
    {
        var network = await CreateAsync();
        try
        {
            await network.AddHostAsync("gw", GatewayMac, Gateway);
            network.Start();
            await network.ReportedAsync(Gateway, GatewayMac);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the exception interface's namespace and the interface, connected to the network.</summary>
    public async Task MakeAccAsync()
    {
        await _namespaces.AddAsync("acc");
        await ConnectAccAsync();
    }

    public async Task RemoveAccAsync() => await _namespaces.RemoveAsync(Acc);

    public async Task ConnectAccAsync()
    {
        // The kernel deletes the links of a deleted namespace some time later.
        await Shell.RunLineAsync(_bridge, "ip link del acc");
        await RunAsync(Acc, $"ip link add accx1 type veth peer name acc netns {_bridge}");
        await RunAsync(_bridge, "ip link set acc master br0 up");
    }

    /// <summary>Adds a host with addresses in the node network.</summary>
    /// <returns>The name of its namespace; its interface is eth0.</returns>
    public async Task<string> AddHostAsync(string name, string mac, params string[] addresses)
    {
        var host = await _namespaces.AddAsync(name);
        await RunAsync(host, $"ip link add eth0 type veth peer name {name} netns {_bridge}");
        await RunAsync(host, $"ip link set eth0 address {mac} up");
        await RunAsync(_bridge, $"ip link set {name} master br0 up");
        foreach (var address in addresses)
        {
            await RunAsync(host, $"ip addr add {address}/24 dev eth0");
        }

        return host;
    }

    public UplinkWatch Start()
    {
        _watch = new UplinkWatch(
            TestNode.Settings with { Uplink = Settings }, null, createNamespaces: false, Sink, TimeProvider.System, NullLogger.Instance);
        _watch.Start();
        return _watch;
    }

    /// <summary>Shortens the times after which the kernel confirms a neighbour.</summary>
    public async Task HurryAsync()
    {
        await RunAsync(
            Acc, "sysctl -q -w net.ipv4.neigh.accx1.base_reachable_time_ms=500 net.ipv4.neigh.accx1.delay_first_probe_time=1 "
                + "net.ipv4.neigh.accx1.retrans_time_ms=100");
    }

    public async Task<string> RunAsync(string ns, string line) => (await Shell.RunLineAsync(ns, line)).MustSucceed().Output;

    /// <summary>Whether a host gets an answer.</summary>
    public static async Task<bool> PingAsync(string host, string address) =>
        (await Shell.RunLineAsync(host, $"ping -c 1 -W 1 {address}")).ExitCode == 0;

    public Task ReportedAsync(string address, string? mac) => Eventually.TrueAsync(
        () => Sink.Snapshots > 0 && Sink.MacOf(address) == mac, () => $"{address} is at {mac ?? "nowhere"}: {Sink}; {_watch?.Problem}");

    public Task SolvedAsync() => Eventually.TrueAsync(() => Watch.Problem.Length == 0, () => Watch.Problem);

    public async ValueTask DisposeAsync()
    {
        _watch?.Dispose();
        await _namespaces.DisposeAsync();
    }
}
