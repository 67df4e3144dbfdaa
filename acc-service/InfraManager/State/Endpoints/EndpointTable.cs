using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>The endpoints by ID, with indexes over everything that two of them must not share.</summary>
internal sealed class EndpointTable(StateJournal journal) : StateTable<long, Endpoint>(journal)
{
    private readonly Dictionary<EndpointAddress, Endpoint> _byAddress = [];
    private readonly HolderIndex<MacAddress> _byMac = new();
    private readonly HolderIndex<string> _byPort = new();
    private readonly HolderIndex<uint> _byNumber = new();
    private readonly Dictionary<IPAddress, Endpoint> _byIp = [];
    private readonly HolderIndex<(ProtocolType, ushort)> _byHostPort = new();
    private readonly Dictionary<(string Node, ApiOrigin Origin), int> _counts = [];
    private long _lastId;

    public override string Name => "endpoints";

    public override IReadOnlyList<string> KeyColumns => ["id"];

    public override IReadOnlyList<string> ValueColumns =>
    [
        "node", "origin", "network", "container_id", "interface_name", "kind", "device", "port_name", "owns_port", "mac",
        "addresses", "mtu",
        "pod_namespace", "pod_name", "pod_uid", "epoch", "sequence", "host_ports", "pointer",
    ];

    public override string LoadOrder => "id";

    /// <summary>The host's endpoint; at most one.</summary>
    public Endpoint? Host { get; private set; }

    /// <summary>The configured uplink's endpoint.</summary>
    public Endpoint? Uplink { get; private set; }

    /// <summary>The endpoint of the configured uplink's exception port.</summary>
    public Endpoint? ExceptionPort { get; private set; }

    /// <summary>The number of host ports of all endpoints.</summary>
    public int HostPortCount { get; private set; }

    public long NextId() => ++_lastId;

    public Endpoint? Find(EndpointAddress address) => _byAddress.GetValueOrDefault(address);

    public IReadOnlyCollection<Endpoint> HoldersOf(MacAddress mac) => _byMac.All(mac);

    /// <inheritdoc cref="HolderIndex{TKey}.Other"/>
    public Endpoint? OtherHolderOf(MacAddress mac, long self, long superseded) => _byMac.Other(mac, self, superseded);

    /// <inheritdoc cref="HolderIndex{TKey}.Other"/>
    public Endpoint? OtherHolderOfPort(string port, long self, long superseded) => _byPort.Other(port, self, superseded);

    /// <summary>An endpoint other than the two whose MAC maps to the same port number; null if there is none.</summary>
    public Endpoint? OtherHolderOfNumber(uint number, long self, long superseded) => _byNumber.Other(number, self, superseded);

    public Endpoint? HolderOf(IPAddress address) => _byIp.GetValueOrDefault(address);

    /// <summary>The endpoint ID of this node's pod with the address; 0 if there is none.</summary>
    public long PodAt(IPAddress address) => HolderOf(address) is { Spec.Kind: EndpointKind.Pod } pod ? pod.Id : 0;

    /// <summary>The endpoints that have this host port, each at other addresses of the node.</summary>
    public IReadOnlyCollection<Endpoint> HoldersOf(ProtocolType protocol, ushort hostPort) => _byHostPort.All((protocol, hostPort));

    /// <summary>An endpoint other than the two with an overlapping host port; null if there is none.</summary>
    public Endpoint? OtherHolderOf(HostPort port, long self, long superseded) => HoldersOf(port.Protocol, port.Port)
        .FirstOrDefault(e => e.Id != self && e.Id != superseded && e.Spec.HostPorts.Any(p => p.Overlaps(port)));

    /// <summary>Any endpoint that uses the port.</summary>
    public Endpoint? HolderOfPort(string port) => _byPort.Any(port);

    public IReadOnlyCollection<Endpoint> HoldersOfPort(string port) => _byPort.All(port);

    /// <summary>The number of endpoints that a node has through an API.</summary>
    public int CountOf(string node, ApiOrigin origin) => _counts.GetValueOrDefault((node, origin));

    /// <summary>The number of ports in use by attachments, without those that only <paramref name="except"/> uses.</summary>
    public int CountPorts(params ReadOnlySpan<Endpoint?> except)
    {
        var count = _byPort.Count - (Uplink is null ? 0 : 1) - (ExceptionPort is null ? 0 : 1);
        foreach (var endpoint in except)
        {
            count -= endpoint is not null && HoldersOfPort(endpoint.Spec.PortName).Count == 1 ? 1 : 0;
        }

        return count;
    }

    /// <summary>Adds the endpoint, or replaces the one with the same id.</summary>
    /// <exception cref="InvalidOperationException">Something it holds is another's; nothing was changed.</exception>
    public void Put(Endpoint endpoint) => Set(endpoint.Id, endpoint);

    /// <summary>Adds an endpoint of the configuration, which is never stored.</summary>
    /// <exception cref="InvalidOperationException">Something it holds is another's; nothing was changed.</exception>
    public void Configure(Endpoint endpoint) => AddUnrecorded(endpoint.Id, endpoint);

    public void Remove(Endpoint endpoint) => Remove(endpoint.Id);

    public override string? ConflictOf(Endpoint value)
    {
        var spec = value.Spec;
        if (Other(Find(value.Address), value) is { } sameKey)
        {
            return $"attachment {value.Key} already exists as endpoint {sameKey.Id}";
        }

        if (OtherHolderOf(spec.Mac, value.Id, value.Id) is { } sameMac && !sameMac.Spec.SharesMacWith(spec))
        {
            return $"MAC {spec.Mac} belongs to {sameMac.Key}";
        }

        if (OtherHolderOfPort(spec.PortName, value.Id, value.Id) is { } sameName && !sameName.Spec.SharesPortWith(spec))
        {
            return $"port {spec.PortName} belongs to {sameName.Key}";
        }

        foreach (var ip in spec.Addresses)
        {
            if (Other(HolderOf(ip), value) is { } sameIp)
            {
                return $"address {ip} belongs to {sameIp.Key}";
            }
        }

        foreach (var port in spec.HostPorts)
        {
            if (OtherHolderOf(port, value.Id, value.Id) is { } samePort)
            {
                return $"host port {port} belongs to {samePort.Key}";
            }
        }

        if (spec.Kind == EndpointKind.Host && Other(Host, value) is { } host)
        {
            return $"the host interface is already {host.Key}";
        }

        return null;
    }

    protected override OwnerId? OwnerOf(long key, Endpoint? value) => OwnerId.OfEndpoint(key);

    protected override void OnReplaced(long key, Endpoint? old, Endpoint? value)
    {
        if (old is not null)
        {
            Unindex(old);
        }

        if (value is not null)
        {
            Index(value);
        }
    }

    protected override void WriteKey(RowWriter row, long key) => row.Add(key);

    protected override void WriteValue(RowWriter row, Endpoint value)
    {
        var spec = value.Spec;
        row.Add(spec.Node).Add((long)spec.Origin).Add(spec.Key.Network).Add(spec.Key.ContainerId).Add(spec.Key.InterfaceName)
            .Add((long)spec.Kind).Add((long)spec.Device).Add(spec.PortName).Add(value.OwnsPort).Add(spec.Mac.Value)
            .Add(string.Join(',', spec.Addresses)).Add(spec.Mtu).Add(spec.PodNamespace).Add(spec.PodName).Add(spec.PodUid)
            .Add(spec.Epoch).Add(spec.Sequence).Add(string.Join(',', spec.HostPorts.Select(p => p.ToStored()))).Add(value.Pointer);
    }

    protected override (long Key, Endpoint Value) ReadRow(RowReader row)
    {
        var id = row.Int64();
        var node = row.Text();
        var origin = row.Enum<ApiOrigin>();
        var key = new AttachmentKey(row.Text(), row.Text(), row.Text());
        var kind = row.Enum<EndpointKind>();
        var device = row.Enum<DeviceKind>();
        var portName = row.Text();
        var ownsPort = row.Bool();
        var spec = new EndpointSpec
        {
            Node = node,
            Origin = origin,
            Key = key,
            Kind = kind,
            Device = device,
            PortName = portName,
            Mac = new MacAddress(row.UInt64()),
            Addresses = [.. row.List().Select(IpText.Parse)],
            Mtu = row.Int32(),
            PodNamespace = row.Text(),
            PodName = row.Text(),
            PodUid = row.Text(),
            Epoch = row.UInt64(),
            Sequence = row.UInt64(),
            HostPorts = [.. row.List().Select(HostPort.FromStored)],
        };
        return (id, new Endpoint(id, spec, ownsPort, row.UInt32()));
    }

    private static Endpoint? Other(Endpoint? holder, Endpoint self) => holder is null || holder.Id == self.Id ? null : holder;

    // A pod may have a port at several addresses, each named by a mapping of its own.
    private static IEnumerable<(ProtocolType Protocol, ushort Port)> HostPortsOf(EndpointSpec spec) =>
        spec.HostPorts.Select(p => (p.Protocol, p.Port)).Distinct();

    private void Unindex(Endpoint endpoint)
    {
        var spec = endpoint.Spec;
        _byAddress.Remove(endpoint.Address);
        _byMac.Remove(spec.Mac, endpoint.Id);
        _byPort.Remove(spec.PortName, endpoint.Id);
        _byNumber.Remove(VportNumbers.PortOf(spec.Mac), endpoint.Id);
        CollectionsMarshal.GetValueRefOrNullRef(_counts, (spec.Node, spec.Origin))--;
        foreach (var ip in spec.Addresses)
        {
            _byIp.Remove(ip);
        }

        HostPortCount -= spec.HostPorts.Count;
        foreach (var port in HostPortsOf(spec))
        {
            _byHostPort.Remove(port, endpoint.Id);
        }

        if (Host?.Id == endpoint.Id)
        {
            Host = null;
        }

        if (Uplink?.Id == endpoint.Id)
        {
            Uplink = null;
        }

        if (ExceptionPort?.Id == endpoint.Id)
        {
            ExceptionPort = null;
        }
    }

    private void Index(Endpoint endpoint)
    {
        var spec = endpoint.Spec;
        _lastId = Math.Max(_lastId, endpoint.Id);
        _byAddress.Add(endpoint.Address, endpoint);
        _byMac.Add(spec.Mac, endpoint);
        _byPort.Add(spec.PortName, endpoint);
        _byNumber.Add(VportNumbers.PortOf(spec.Mac), endpoint);
        CollectionsMarshal.GetValueRefOrAddDefault(_counts, (spec.Node, spec.Origin), out _)++;
        foreach (var ip in spec.Addresses)
        {
            _byIp.Add(ip, endpoint);
        }

        HostPortCount += spec.HostPorts.Count;
        foreach (var port in HostPortsOf(spec))
        {
            _byHostPort.Add(port, endpoint);
        }

        if (spec.Kind == EndpointKind.Host)
        {
            Host = endpoint;
        }

        if (spec.Kind == EndpointKind.Uplink)
        {
            Uplink = endpoint;
        }

        if (spec.Kind == EndpointKind.Exception)
        {
            ExceptionPort = endpoint;
        }
    }
}
