using System.Globalization;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// Subfunctions of one devlink device, created on demand. A subfunction is free when its number is in the configured range, it is inactive
/// or has its interface in the host's namespace, and no claim names it.
/// </summary>
internal sealed partial class SfKind(SfConfig config, HostHardware hardware) : IDeviceKind
{
    private readonly Lock _lock = new();
    private readonly HashSet<uint> _creating = [];

    public string Kind => "sf";

    public int DefaultLimit => 254;

    public bool IsPooled => true;

    /// <summary>Whether a runtime's device ID names a subfunction: the devlink device, and "/sf" with the number.</summary>
    public static bool IsDeviceId(string id) => id.Contains("/sf", StringComparison.Ordinal);

    public IReadOnlyList<string> Devices()
    {
        using var host = hardware.OpenLinks();
        var links = Links(host);
        return [.. Ports().Where(p => IsUsable(p, links)).Select(p => NameOf(p.SfNumber!.Value))];
    }

    public DevicePlan Plan(PlanRequest request)
    {
        using var host = hardware.OpenLinks();
        var ports = Ports();
        var links = Links(host);
        var number = request.Wanted.Length > 0 ? ChooseWanted(request, ports, links) : ChooseAny(request, ports, links);
        var port = config.Port.Length > 0 ? config.Port : PortName.For(request.Key);
        var link = links.GetValueOrDefault(number);
        return new DevicePlan(
            NameOf(number), port, request.Mac ?? (config.Mac == FunctionMac.Random ? MacAddress.Random() : link?.Mac ?? default))
        {
            Origin = new LinkOrigin(InterfaceNameOf(number), link?.Mtu ?? 0, default),
        };
    }

    public PodInterface Create(PortRequest request, PodNetwork pod)
    {
        var number = NumberOf(request.Device);
        using var host = hardware.OpenLinks();
        var link = Activate(number, request.Mac, host, request);
        var mac = request.Mac == default ? link.Mac : request.Mac;
        var index = LeasedLink.MoveToPod(
            host, link, request with { Mac = mac }, pod, (l, m) => host.SetLink(l.Index, new LinkChange { Mac = m }));
        return new PodInterface(index, mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        var number = NumberOf(claim.Device);
        if (config.Reuse)
        {
            using var host = hardware.OpenLinks();
            var isBack = LeasedLink.MoveBack(
                host,
                claim,
                l => l.ParentDevice is { } parent ? hardware.Bus.AuxiliaryDevices(config.Device!, number).Any(a => a.Name == parent) : null,
                () => LinkOf(number, host),
                static (_, _) => { });
            // A subfunction that did not come back is deleted, to be created again.
            if (isBack)
            {
                return;
            }
        }
        using var devlink = hardware.OpenDevlink();
        if (PortOf(devlink, number) is { } port)
        {
            devlink.DeletePort(config.Device!, port.Index);
        }
    });

    // Nothing in the pod identifies the subfunction of its interface, so it could not be returned to the pool.
    public IReadOnlyList<Claim> FindAttached(IReadOnlyList<Claim> candidates) => [];

    public bool IsReturned(Claim claim)
    {
        var number = NumberOf(claim.Device);
        using var host = hardware.OpenLinks();
        if (LinkOf(number, host) is not null)
        {
            return true;
        }

        using var devlink = hardware.OpenDevlink();
        return PortOf(devlink, number) is null or { FunctionActive: false };
    }

    // A subfunction that no longer exists is created again with the same number.
    public bool CanRestore(Claim claim)
    {
        if (!PodDevices.HasLostDevice(claim))
        {
            return false;
        }

        using var devlink = hardware.OpenDevlink();
        return devlink.GetDevices().Contains(config.Device!);
    }

    public string? Problem(Claim claim)
    {
        using var devlink = hardware.OpenDevlink();
        var name = $"the subfunction {claim.Device} of {claim.Key}";
        return PortOf(devlink, NumberOf(claim.Device)) switch
        {
            null => $"{name} is gone from the machine",
            { FunctionActive: false } => $"{name} is not active",
            _ => PodDevices.Present([claim]).Count == 0 ? $"{name} is not in the pod" : null,
        };
    }

    private uint ChooseAny(PlanRequest request, IReadOnlyList<DevlinkPort> ports, IReadOnlyDictionary<uint, LinkInfo> links)
    {
        lock (_lock)
        {
            bool IsAvailable(uint number) =>
                !_creating.Contains(number) && !request.InUse.Contains(NameOf(number)) && !request.Quarantined.Contains(NameOf(number));
            foreach (var port in ports)
            {
                if (IsAvailable(port.SfNumber!.Value) && IsUsable(port, links))
                {
                    return port.SfNumber.Value;
                }
            }
            return UnusedNumber(ports, IsAvailable)
                ?? throw new CniException(
                    CniErrorCode.TryAgainLater,
                    $"no subfunction is free: all numbers of {config.Numbers} are in use or set aside",
                    "host-stub devices shows them; Device:Sf:Numbers sets the range");
        }
    }

    private uint ChooseWanted(PlanRequest request, IReadOnlyList<DevlinkPort> ports, IReadOnlyDictionary<uint, LinkInfo> links)
    {
        if (!TryParse(request.Wanted, out var number) || ports.FirstOrDefault(p => p.SfNumber == number) is not { } port)
        {
            throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                $"deviceID \"{request.Wanted}\" is not a subfunction in Device:Sf",
                $"a valid name is {NameOf(config.Numbers.First)}");
        }

        if (request.InUse.Contains(NameOf(number)))
        {
            throw new CniException(
                CniErrorCode.TryAgainLater, $"the subfunction {request.Wanted} is in use", "host-stub devices shows by which pod");
        }

        if (request.Quarantined.Contains(NameOf(number)))
        {
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the subfunction {request.Wanted} is set aside",
                "host-stub devices shows why, and until when");
        }

        return IsUsable(port, links)
            ? number
            : throw new CniException(
                CniErrorCode.TryAgainLater,
                $"the subfunction {request.Wanted} has no interface in the host's namespace",
                "another program moved it, or its driver is missing");
    }

    /// <summary>
    /// Creates and activates the subfunction where needed, and waits for its interface, which is then renamed to the agent's name for it.
    /// </summary>
    private LinkInfo Activate(uint number, MacAddress mac, RouteNetlink host, PortRequest? request = null)
    {
        using var devlink = hardware.OpenDevlink();
        var port = PortOf(devlink, number);
        var created = port is null;
        port ??= devlink.CreateSubfunction(
            new SubfunctionSpec { Device = config.Device!, PfNumber = config.PhysicalFunction, SfNumber = number });
        if (mac != default && port.FunctionActive != true && port.FunctionMac != mac)
        {
            bool SetMac()
            {
                devlink.SetFunction(config.Device!, port.Index, new FunctionChange { Mac = mac });
                return true;
            }
            _ = request is null ? SetMac() : request.SetMac(SetMac);
        }
        var link = port.FunctionActive == true ? LinkOf(number, host) : null;
        if (link is null)
        {
            try
            {
                // By index: udev may be renaming it.
                link = host.GetLink(
                    devlink.ActivateSubfunction(config.Device!, port.Index, config.Activation, CancellationToken.None).NetdevIndex);
            }
            catch when (created)
            {
                devlink.DeletePort(config.Device!, port.Index);
                throw;
            }
        }
        if (link is null)
        {
            throw new LinuxException($"find the interface of the subfunction {NameOf(number)}", Errno.ENODEV);
        }

        if (link.Name == InterfaceNameOf(number) || host.GetLink(InterfaceNameOf(number)) is not null)
        {
            return link;
        }

        host.SetLink(link.Index, new LinkChange { Up = false });
        host.SetLink(link.Index, new LinkChange { Name = InterfaceNameOf(number) });
        return link with { Name = InterfaceNameOf(number), IsUp = false };
    }

    private uint? UnusedNumber(IReadOnlyList<DevlinkPort> ports, Func<uint, bool> isAvailable)
    {
        var existing = ports.Select(p => p.SfNumber!.Value).ToHashSet();
        for (var number = config.Numbers.First; number <= config.Numbers.Last; number++)
        {
            if (!existing.Contains(number) && isAvailable(number))
            {
                return number;
            }
        }
        return null;
    }

    private List<DevlinkPort> Ports()
    {
        using var devlink = hardware.OpenDevlink();
        return [.. devlink.GetPorts(config.Device).Where(IsOurs)];
    }

    private DevlinkPort? PortOf(DevlinkClient devlink, uint number) =>
        devlink.GetPorts(config.Device).FirstOrDefault(p => IsOurs(p) && p.SfNumber == number);

    private bool IsOurs(DevlinkPort port) =>
        port.Flavour == DevlinkPortFlavour.PciSf && port.PfNumber == config.PhysicalFunction && port.SfNumber is { } number
            && config.Numbers.Contains(number);

    private static bool IsUsable(DevlinkPort port, IReadOnlyDictionary<uint, LinkInfo> links) =>
        port.FunctionActive == false || links.ContainsKey(port.SfNumber!.Value);

    /// <summary>The interfaces of all subfunctions that are in the host's namespace, by number.</summary>
    private Dictionary<uint, LinkInfo> Links(RouteNetlink host)
    {
        var links = new Dictionary<uint, LinkInfo>();
        foreach (var device in hardware.Bus.AuxiliaryDevices(config.Device!))
        {
            if (HostHardware.FirstLink(device.Netdevs, host) is { } link)
            {
                links[device.SfNumber] = link;
            }
        }
        return links;
    }

    private LinkInfo? LinkOf(uint number, RouteNetlink host) =>
        HostHardware.FirstLink(hardware.Bus.AuxiliaryNetdevs(config.Device!, number), host);

    private string NameOf(uint number) => string.Create(CultureInfo.InvariantCulture, $"{config.Device}/sf{number}");

    private static string InterfaceNameOf(uint number) => string.Create(CultureInfo.InvariantCulture, $"accsf{number}");

    private uint NumberOf(string device) =>
        TryParse(device, out var number) ? number : throw new LinuxException($"find the subfunction {device}", Errno.ENODEV);

    private bool TryParse(string device, out uint number)
    {
        var prefix = $"{config.Device}/sf";
        number = 0;
        return device.StartsWith(prefix, StringComparison.Ordinal)
            && uint.TryParse(device.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out number)
            && config.Numbers.Contains(number);
    }
}
