using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// SR-IOV virtual functions: the function's own interface moves to the pod. A function is free when it belongs to a configured physical
/// function, its number is in the configured range, its interface is in the host's namespace, and it is neither claimed nor quarantined.
/// </summary>
internal sealed partial class VfKind(VfConfig config, HostHardware hardware, ILogger logger) : IDeviceKind
{
    private static readonly TimeSpan ReturnLimit = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly HashSet<string> _unenforced = [];
    private string[]? _physical;

    public string Kind => "vf";

    // The number of ports that the hardware of release 24.01 supports.
    public int DefaultLimit => 254;

    public bool IsPooled => true;

    public IReadOnlyList<string> Devices()
    {
        using var host = hardware.OpenLinks();
        return [.. Functions().Where(f => LinkOf(f, host) is not null).Select(f => f.Function.Address)];
    }

    public DevicePlan Plan(PlanRequest request)
    {
        using var host = hardware.OpenLinks();
        var functions = Functions();
        var (function, link) = request.Wanted.Length > 0 ? ChooseWanted(request, functions, host) : ChooseAny(request, functions, host);
        var port = config.Port.Length > 0 ? config.Port : PortName.For(request.Key);
        return new DevicePlan(
            function.Function.Address, port, request.Mac ?? (config.Mac == FunctionMac.Random ? MacAddress.Random() : link.Mac))
        {
            Origin = new LinkOrigin(link.Name, link.Mtu, link.Mac),
        };
    }

    public PodInterface Create(PortRequest request, PodNetwork pod)
    {
        using var host = hardware.OpenLinks();
        var function = Functions().FirstOrDefault(f => f.Function.Address == request.Device)
            ?? throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the virtual function {request.Device} is gone",
                "its physical function was reset, or it has fewer virtual functions now; host-stub devices shows the existing ones");
        var link = LinkOf(function, host)
            ?? throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the virtual function {request.Device} has no interface in the host's namespace",
                "its driver is not bound, or another program moved it");
        var physical = PhysicalLink(function.Physical, host);
        // While a physical function is down, its virtual functions carry no traffic.
        if (physical is { IsUp: false })
        {
            host.SetUp(physical.Index);
        }

        if (config.HasSettings)
        {
            Configure(function, physical, host);
        }

        return new PodInterface(
            LeasedLink.MoveToPod(
                host, link, request, pod, (l, mac) => ReportEnforcement(function, SetMac(function, physical, host, l, mac))),
            request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        using var host = hardware.OpenLinks();
        PooledFunction? function = null;
        var isBack = LeasedLink.MoveBack(
            host,
            claim,
            l => l.ParentDevice is { } parent ? parent == claim.Device : null,
            () => (function = FindReturned(claim.Device, host)) is null ? null : LinkOf(function, host),
            (l, mac) => SetMac(function!, PhysicalLink(function!.Physical, host), host, l, mac));
        if (!isBack && function is not null && HasNetworkDriver(claim.Device))
        {
            throw new DeviceNotReturnedException(claim.Device);
        }
    });

    // A function that can't be identified could not be returned to the pool.
    public IReadOnlyList<Claim> FindAttached(IReadOnlyList<Claim> candidates) => PodDevices.FindAttached(
        candidates,
        static (claim, path, link) => link.ParentDevice is { Length: > 0 } device ? claim with { NetNs = path, Device = device } : null);

    public bool CanRestore(Claim claim) => PodDevices.HasLostDevice(claim) && IsReturned(claim);

    public bool IsReturned(Claim claim)
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

    // The kernel takes a moment to return a device from a destroyed namespace.
    private PooledFunction? FindReturned(string address, RouteNetlink host)
    {
        PooledFunction? Find() => Functions().FirstOrDefault(f => f.Function.Address == address);
        if (Find() is not { } function || LinkOf(function, host) is not null || !HasNetworkDriver(address))
        {
            return Find();
        }

        try
        {
            hardware.Bus.WaitForNetdev(address, ReturnLimit);
        }
        catch (LinuxException)
        {
            // The caller checks whether the function is there.
        }
        return Find();
    }

    private bool HasNetworkDriver(string address) => hardware.Bus.Get(address)?.Driver is not (null or "vfio-pci");

    private static (PooledFunction, LinkInfo) ChooseAny(PlanRequest request, IReadOnlyList<PooledFunction> functions, RouteNetlink host)
    {
        foreach (var function in functions)
        {
            if (!request.InUse.Contains(function.Function.Address) && !request.Quarantined.Contains(function.Function.Address)
                && LinkOf(function, host) is { } link)
            {
                return (function, link);
            }
        }
        var used = functions.Count(f => request.InUse.Contains(f.Function.Address));
        throw new CniException(
            CniErrorCode.TryAgainLater,
            functions.Count == 0
                ? "there are no virtual functions"
                : $"no virtual function is free: {used} of {functions.Count} are in use",
            "host-stub devices shows them; Device:Vf sets their physical functions and their number");
    }

    private static (PooledFunction, LinkInfo) ChooseWanted(PlanRequest request, IReadOnlyList<PooledFunction> functions, RouteNetlink host)
    {
        var function = functions.FirstOrDefault(f => f.Function.Address == request.Wanted)
            ?? throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                $"deviceID \"{request.Wanted}\" is not a virtual function in Device:Vf",
                "the runtime's device plugin and the agent's configuration must name the same physical functions");
        if (request.InUse.Contains(request.Wanted))
        {
            throw new CniException(
                CniErrorCode.TryAgainLater, $"the virtual function {request.Wanted} is in use", "host-stub devices shows by which pod");
        }

        if (request.Quarantined.Contains(request.Wanted))
        {
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the virtual function {request.Wanted} is set aside",
                "host-stub devices shows why, and until when");
        }

        return LinkOf(function, host) is { } link
            ? (function, link)
            : throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the virtual function {request.Wanted} has no interface in the host's namespace",
                "its driver is not bound, or another program moved it");
    }

    // Without enforcement the pod works, but it can send from any MAC. All functions of a physical function have the same driver, so one
    // line about it is enough, until it has worked again.
    private void ReportEnforcement(PooledFunction function, string? refusal)
    {
        lock (_lock)
        {
            if (refusal is null)
            {
                _unenforced.Remove(function.Physical);
                return;
            }

            if (!_unenforced.Add(function.Physical))
            {
                return;
            }
        }

        LogUnenforced(logger, function.Physical, refusal);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The physical function {Physical} does not enforce the MACs of its virtual functions, so pods can change them: {Reason}")]
    private static partial void LogUnenforced(ILogger logger, string physical, string reason);

    // The function's MAC is set on its own link where the driver permits that. The administrative MAC, set through the physical function,
    // then makes it the only one that the pod may send from. Drivers differ: some apply the administrative MAC to the link and reset it;
    // some (igb, ixgbe) refuse every change on the link while an administrative MAC is set, and clear it when it is set to zero.
    // Returns why there is no administrative MAC; null if there is one.
    private static string? SetMac(PooledFunction function, LinkInfo? physical, RouteNetlink host, LinkInfo link, MacAddress mac)
    {
        NetlinkException? SetOnLink() =>
            host.GetLink(link.Index) is { } now && now.Mac == mac
                ? null
                : TryChange(() => host.SetLink(link.Index, new LinkChange { Mac = mac }));
        NetlinkException? SetAdministrative(MacAddress administrative) =>
            physical is null
                ? null
                : TryChange(() => host.SetVf(physical.Index, function.Function.Number, new VfChange { Mac = administrative }));

        if (SetOnLink() is not { } failure)
        {
            return WithoutAdministrative();
        }
        if (physical is null)
        {
            throw failure;
        }

        if (SetAdministrative(mac) is { } refused)
        {
            throw refused;
        }

        if (SetOnLink() is null)
        {
            return null;
        }

        SetAdministrative(default);
        if (SetOnLink() is { } last)
        {
            throw last;
        }

        return WithoutAdministrative();

        string? WithoutAdministrative() => physical is null
            ? $"the interface of {function.Physical} is not in the host's namespace"
            : SetAdministrative(mac)?.Message;
    }

    // Null, or the kernel's refusal.
    private static NetlinkException? TryChange(Action change)
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
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the physical function {function.Physical} has no interface in the host's namespace",
                "without it Device:Vf:Vlan, :Trust, :SpoofCheck and :MaxRateMbit can't be set");
        }

        host.SetVf(physical.Index, function.Function.Number, new VfChange
        {
            Vlan = config.Vlan,
            Trust = config.Trust,
            SpoofCheck = config.SpoofCheck,
            MaxRate = config.MaxRate,
        });
    }

    private LinkInfo? PhysicalLink(string physical, RouteNetlink host) =>
        HostHardware.FirstLink(hardware.Bus.Get(physical)?.Netdevs ?? [], host);

    // sysfs may still list a link that has moved to another namespace.
    private static LinkInfo? LinkOf(PooledFunction function, RouteNetlink host) =>
        function.Function.Netdev is { } name ? host.GetLink(name) : null;

    private List<PooledFunction> Functions() =>
        [.. Physical().SelectMany(p => hardware.Bus.VirtualFunctions(p).Where(
            f => config.Numbers.Contains((uint)f.Number)).Select(f => new PooledFunction(p, f)))];

    private sealed record PooledFunction(string Physical, VirtualFunction Function);
}
