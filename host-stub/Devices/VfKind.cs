using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// SR-IOV virtual functions: the function's own interface goes to the pod. One is free that is of a configured physical function, has its interface
/// in the host's namespace, and that no claim names.
/// </summary>
internal sealed partial class VfKind(VfConfig config, HostHardware hardware) : IDeviceKind
{
    private static readonly TimeSpan HomeLimit = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private string[]? _physical;

    public string Kind => "vf";

    // As many as the hardware of release 24.01 has ports for.
    public int DefaultLimit => 254;

    public bool MadeByTarget => false;

    public bool Pooled => true;

    public IReadOnlyList<string> Devices()
    {
        using var host = hardware.OpenLinks();
        return [.. Functions().Where(f => LinkOf(f, host) is not null).Select(f => f.Function.Address)];
    }

    public DevicePlan Plan(PlanRequest request)
    {
        using var host = hardware.OpenLinks();
        var functions = Functions();
        var (function, link) = request.Wanted.Length > 0 ? Wanted(request, functions, host) : Any(request, functions, host);
        var port = config.Port.Length > 0 ? config.Port : PortName.For(request.Key);
        return new DevicePlan(function.Function.Address, port, request.Mac ?? (config.Mac == FunctionMac.Random ? MacAddress.Random() : link.Mac))
        {
            Origin = new LinkOrigin(link.Name, link.Mtu, link.Mac),
        };
    }

    public MadePort Create(PortRequest request, PodNetwork pod)
    {
        using var host = hardware.OpenLinks();
        var function = Functions().FirstOrDefault(f => f.Function.Address == request.Device)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"the virtual function {request.Device} is gone", "its physical function was reset or has fewer now; host-stub devices shows those that are there");
        var link = LinkOf(function, host)
            ?? throw new CniException(CniErrorCode.TryAgainLater, $"the virtual function {request.Device} has no interface in the host's namespace", "its driver is not bound, or somebody took it");
        var physical = PhysicalLink(function.Physical, host);
        // Down, a physical function carries nothing for its virtual ones, and hears nothing from them.
        if (physical is { IsUp: false })
        {
            host.SetUp(physical.Index);
        }

        if (config.HasSettings)
        {
            Configure(function, physical, host);
        }

        return new MadePort(LentLink.Lend(host, link, request, pod, (l, mac) => SetMac(function, physical, host, l, mac)), request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        using var host = hardware.OpenLinks();
        PooledFunction? function = null;
        var home = LentLink.TakeBack(
            host,
            claim,
            l => l.ParentDevice is { } parent ? parent == claim.Device : null,
            () => (function = FindHome(claim.Device, host)) is null ? null : LinkOf(function, host),
            (l, mac) => SetMac(function!, PhysicalLink(function!.Physical, host), host, l, mac));
        if (!home && function is not null && HasNetworkDriver(claim.Device))
        {
            throw new DeviceAwayException(claim.Device);
        }
    });

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    public bool CanRestore(Claim claim) => IsHome(claim);

    public bool IsHome(Claim claim)
    {
        using var host = hardware.OpenLinks();
        return Functions().FirstOrDefault(f => f.Function.Address == claim.Device) is { } function && LinkOf(function, host) is not null;
    }

    public string? Problem(Claim claim)
    {
        if (hardware.Bus.Get(claim.Device) is not { } function)
        {
            return $"the virtual function {claim.Device} of {claim.Key} is gone from the machine";
        }

        if (PodDevices.Present([claim]).Count == 0)
        {
            return $"the virtual function {claim.Device} of {claim.Key} is not in the pod";
        }

        using var host = hardware.OpenLinks();
        return function.PhysicalFunction is { } address && PhysicalLink(address, host) is { IsUp: false } physical
            ? $"{physical.Name}, the physical function of {claim.Device}, is down"
            : null;
    }

    // The kernel brings a device back from a namespace that ended, but not at once.
    private PooledFunction? FindHome(string address, RouteNetlink host)
    {
        PooledFunction? Find() => Functions().FirstOrDefault(f => f.Function.Address == address);
        if (Find() is not { } function || LinkOf(function, host) is not null || !HasNetworkDriver(address))
        {
            return Find();
        }

        try
        {
            hardware.Bus.WaitForNetdev(address, HomeLimit);
        }
        catch (LinuxException)
        {
            // Who asked looks for himself.
        }
        return Find();
    }

    private bool HasNetworkDriver(string address) => hardware.Bus.Get(address)?.Driver is not (null or "vfio-pci");

    private static (PooledFunction, LinkInfo) Any(PlanRequest request, IReadOnlyList<PooledFunction> functions, RouteNetlink host)
    {
        foreach (var function in functions)
        {
            if (!request.InUse.Contains(function.Function.Address) && !request.SetAside.Contains(function.Function.Address) && LinkOf(function, host) is { } link)
            {
                return (function, link);
            }
        }
        var used = functions.Count(f => request.InUse.Contains(f.Function.Address));
        throw new CniException(
            CniErrorCode.TryAgainLater,
            functions.Count == 0 ? "there are no virtual functions" : $"no virtual function is free: {used} of {functions.Count} are in use",
            "host-stub devices shows them; Device:Vf says where they come from and how many there are to be");
    }

    private static (PooledFunction, LinkInfo) Wanted(PlanRequest request, IReadOnlyList<PooledFunction> functions, RouteNetlink host)
    {
        var function = functions.FirstOrDefault(f => f.Function.Address == request.Wanted)
            ?? throw new CniException(CniErrorCode.InvalidNetworkConfig, $"deviceID \"{request.Wanted}\" is no virtual function of Device:Vf", "the runtime's device plugin and the agent's configuration have to name the same physical functions");
        if (request.InUse.Contains(request.Wanted))
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the virtual function {request.Wanted} is in use", "host-stub devices shows by whom");
        }

        if (request.SetAside.Contains(request.Wanted))
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the virtual function {request.Wanted} is set aside", "host-stub devices tells why, and until when");
        }

        return LinkOf(function, host) is { } link
            ? (function, link)
            : throw new CniException(CniErrorCode.TryAgainLater, $"the virtual function {request.Wanted} has no interface in the host's namespace", "its driver is not bound, or somebody took it");
    }

    // A function changes its MAC itself where its driver lets it; the physical function's word then makes it the only one that the pod may send from.
    // Drivers differ: some take that word for a change and reset the function's own, some (igb, ixgbe) refuse every change of a function's own as long
    // as there is such a word, and take none (zero) for its end.
    private static void SetMac(PooledFunction function, LinkInfo? physical, RouteNetlink host, LinkInfo link, MacAddress mac)
    {
        NetlinkException? Own() => host.GetLink(link.Index) is { } now && now.Mac == mac ? null : Try(() => host.SetLink(link.Index, new LinkChange { Mac = mac }));
        NetlinkException? Word(MacAddress word) => physical is null ? null : Try(() => host.SetVf(physical.Index, function.Function.Number, new VfChange { Mac = word }));

        if (Own() is not { } own)
        {
            Word(mac);
            return;
        }
        if (physical is null)
        {
            throw own;
        }

        if (Word(mac) is { } refused)
        {
            throw refused;
        }

        if (Own() is null)
        {
            return;
        }

        Word(default);
        if (Own() is { } last)
        {
            throw last;
        }

        Word(mac);
    }

    // Null, or the refusal.
    private static NetlinkException? Try(Action change)
    {
        try
        {
            change();
            return null;
        }
        catch (NetlinkException e)
        {
            return e;
        }
    }

    private void Configure(PooledFunction function, LinkInfo? physical, RouteNetlink host)
    {
        if (physical is null)
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the physical function {function.Physical} has no interface in the host's namespace", "without it Device:Vf:Vlan, :Trust, :SpoofCheck and :MaxRate can't be set");
        }

        host.SetVf(physical.Index, function.Function.Number, new VfChange
        {
            Vlan = config.Vlan,
            Trust = config.Trust,
            SpoofCheck = config.SpoofCheck,
            MaxRate = config.MaxRate,
        });
    }

    private LinkInfo? PhysicalLink(string physical, RouteNetlink host) => HostHardware.FirstLink(hardware.Bus.Get(physical)?.Netdevs ?? [], host);

    // A name in sysfs may be of another namespace by now.
    private static LinkInfo? LinkOf(PooledFunction function, RouteNetlink host) => function.Function.Netdev is { } name ? host.GetLink(name) : null;

    private List<PooledFunction> Functions() =>
        [.. Physical().SelectMany(p => hardware.Bus.VirtualFunctions(p).Where(f => config.Numbers.Contains((uint)f.Number)).Select(f => new PooledFunction(p, f)))];

    private sealed record PooledFunction(string Physical, VirtualFunction Function);
}
