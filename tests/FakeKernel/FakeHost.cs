using System.Buffers.Binary;
using ACCOffload.FakeKernel.Scripted;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>
/// A machine with simulated PCI functions and switches: answers devlink, the generic netlink controller and the link and virtual function
/// requests of rtnetlink, and provides a sysfs of plain files. The functions' netdevs are simulated links, or real ones
/// (<see cref="NamespaceNetdevs"/>).
/// </summary>
public sealed class FakeHost : IDisposable
{
    internal const int DevlinkFamily = 0x15;
    internal const uint ConfigGroup = 6;

    private readonly List<FakeSocket> _sockets = [];
    private readonly List<FakeSocket> _configSubscribers = [];
    private readonly List<FakeSocket> _linkSubscribers = [];
    private readonly List<FakePciFunction> _functions = [];
    private readonly List<FakeDevlinkDevice> _devices = [];
    private readonly DevlinkRequests _devlinkRequests;
    private readonly RouteRequests _routeRequests;
    private readonly NamespaceNetdevs? _real;
    private uint _nextPortId = 1000;

    /// <param name="netdevs">Creates real links for the functions; null for simulated links.</param>
    public FakeHost(NamespaceNetdevs? netdevs = null)
    {
        _real = netdevs;
        Tree = new SysfsTree();
        Links = new FakeLinks(this);
        Netdevs = netdevs is null ? Links : netdevs;
        Pci = new PciBus(new Sysfs(Tree.Root, new Hook(this)));
        _devlinkRequests = new DevlinkRequests(this);
        _routeRequests = new RouteRequests(this);
    }

    /// <summary>The fake sysfs, a directory that is deleted on disposal.</summary>
    public string Sysfs => Tree.Root;

    /// <summary>Reads the fake sysfs; writing sriov_numvfs through it creates and removes functions.</summary>
    public PciBus Pci { get; }

    /// <summary>The simulated links.</summary>
    public FakeLinks Links { get; }

    /// <summary>Whether the kernel has devlink.</summary>
    public bool HasDevlink { get; set; } = true;

    /// <summary>Called for each request; a returned error is sent instead of executing the request.</summary>
    public Func<FakeRequest, FakeError?>? Refuse { get; set; }

    /// <summary>Every request so far.</summary>
    public IReadOnlyList<FakeRequest> Requests
    {
        get
        {
            lock (Gate)
            {
                return [.. RequestLog];
            }
        }
    }

    internal object Gate { get; } = new();

    internal List<FakeRequest> RequestLog { get; } = [];

    internal SysfsTree Tree { get; }

    internal INetdevs Netdevs { get; }

    internal bool HasRealNetdevs => _real is not null;

    internal IReadOnlyList<FakeDevlinkDevice> Devices => _devices;

    internal IReadOnlyList<FakePciFunction> Functions => _functions;

    /// <summary>Opens devlink.</summary>
    public DevlinkClient OpenDevlink() => new(new Sockets(this), Pci);

    /// <summary>Opens rtnetlink: with real netdevs, in their namespace, extended with the virtual functions.</summary>
    public RouteNetlink OpenRoute()
    {
        if (_real is null)
        {
            return new RouteNetlink(new NetlinkConnection(NewSocket(generic: false)));
        }

        var sockets = new NamespaceSockets(_real.Namespace);
        var socket = (NetlinkSocket)sockets.OpenRoute();
        sockets.Dispose();
        return new RouteNetlink(new NetlinkConnection(new VfTransport(socket, this, _real)), socket.Handle);
    }

    /// <summary>Subscribes to links.</summary>
    public LinkMonitor OpenLinks()
    {
        if (_real is not null)
        {
            return LinkMonitor.Open(_real.Namespace);
        }

        var socket = SubscribeToLinks();
        return new LinkMonitor(socket, socket.Handle);
    }

    /// <summary>Adds a physical function.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="vendor">Its vendor.</param>
    /// <param name="device">Its device id.</param>
    /// <param name="driver">Its driver; null for none.</param>
    /// <param name="totalVfs">Maximum number of virtual functions; 0 for no SR-IOV.</param>
    /// <param name="netdev">Its netdev; null for none.</param>
    public FakePciFunction AddPci(
        string address, ushort vendor = 0x8086, ushort device = 0x1452, string? driver = "idpf", int totalVfs = 0, string? netdev = null)
    {
        lock (Gate)
        {
            var function = new FakePciFunction(this, address, vendor, device, driver, null) { TotalVfs = totalVfs };
            function.AddToSysfs();
            _functions.Add(function);
            if (netdev is not null)
            {
                function.AddNetdev(netdev);
            }

            return function;
        }
    }

    /// <summary>Adds a switch with support for subfunctions to a physical function.</summary>
    public FakeDevlinkDevice AddDevlink(FakePciFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        lock (Gate)
        {
            var device = new FakeDevlinkDevice(this, function);
            _devices.Add(device);
            Notify(DevlinkMessages.Device(device, DevlinkMessages.New));
            return device;
        }
    }

    /// <summary>Removes a switch, as when its driver is unbound.</summary>
    public void RemoveDevlink(FakeDevlinkDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        lock (Gate)
        {
            foreach (var port in device.Ports.ToArray())
            {
                device.Remove(port);
            }

            _devices.Remove(device);
            Notify(DevlinkMessages.Device(device, DevlinkMessages.Delete));
        }
    }

    /// <summary>Drops all unread notifications of all subscribers.</summary>
    public void LoseNotifications()
    {
        lock (Gate)
        {
            foreach (var socket in (FakeSocket[])[.. _configSubscribers, .. _linkSubscribers])
            {
                socket.Overrun();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Gate)
        {
            foreach (var device in _devices.ToArray())
            {
                RemoveDevlink(device);
            }

            foreach (var function in _functions.Where(f => f.Physical is null).ToArray())
            {
                function.Remove();
            }
        }
        Tree.Dispose();
    }

    internal void Add(FakePciFunction function) => _functions.Add(function);

    internal void Remove(FakePciFunction function) => _functions.Remove(function);

    internal void Notify(byte[] payload)
    {
        foreach (var socket in _configSubscribers)
        {
            socket.Deliver(Bytes.Message(DevlinkFamily, 0, 0, 0, payload));
        }
    }

    internal void NotifyLinks(int type, byte[] payload)
    {
        foreach (var socket in _linkSubscribers)
        {
            socket.Deliver(Bytes.Message(type, 0, 0, 0, payload));
        }
    }

    internal void Handle(FakeSocket socket, byte[] request)
    {
        lock (Gate)
        {
            var type = BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(4));
            if (BinaryPrimitives.ReadInt32LittleEndian(request) != request.Length)
            {
                throw new InvalidDataException("a request has a wrong length");
            }

            if (!socket.IsGeneric)
            {
                _routeRequests.Handle(socket, request, type);
            }
            else if (type == 0x10)
            {
                _devlinkRequests.Controller(socket, request);
            }
            else if (type == DevlinkFamily)
            {
                _devlinkRequests.Handle(socket, request);
            }
            else
            {
                socket.Acknowledge(request, new FakeError(Errno.ENOENT));
            }
        }
    }

    internal void Forget(FakeSocket socket)
    {
        lock (Gate)
        {
            _sockets.Remove(socket);
            _configSubscribers.Remove(socket);
            _linkSubscribers.Remove(socket);
        }
    }

    private FakeSocket NewSocket(bool generic)
    {
        lock (Gate)
        {
            var socket = new FakeSocket(this, _nextPortId++, generic);
            _sockets.Add(socket);
            return socket;
        }
    }

    private FakeSocket SubscribeToLinks()
    {
        var socket = NewSocket(generic: false);
        lock (Gate)
        {
            _linkSubscribers.Add(socket);
        }

        return socket;
    }

    private sealed class Sockets(FakeHost host) : INetlinkSockets
    {
        private readonly NamespaceSockets? _real = host._real is { } real ? new NamespaceSockets(real.Namespace) : null;

        public INetlinkTransport OpenRoute() => _real?.OpenRoute() ?? host.NewSocket(generic: false);

        public INetlinkSubscription SubscribeToLinks() => _real?.SubscribeToLinks() ?? host.SubscribeToLinks();

        public INetlinkTransport OpenGeneric() => host.NewSocket(generic: true);

        public INetlinkSubscription SubscribeToGeneric(uint group, string operation)
        {
            if (group != ConfigGroup)
            {
                throw new LinuxException(operation, Errno.EINVAL);
            }

            var socket = host.NewSocket(generic: true);
            lock (host.Gate)
            {
                host._configSubscribers.Add(socket);
            }

            return socket;
        }

        public void Dispose() => _real?.Dispose();
    }

    private sealed class Hook(FakeHost host) : ISysfsHook
    {
        public void BeforeNetdevs() => host.Netdevs.Refresh();

        public Errno Write(string path, string value)
        {
            lock (host.Gate)
            {
                var function = host._functions.FirstOrDefault(f => Path.GetFileName(Path.GetDirectoryName(path)) == f.Address);
                return function is null || Path.GetFileName(path) != "sriov_numvfs" ? Errno.EACCES : function.SetVfs(value);
            }
        }
    }
}
