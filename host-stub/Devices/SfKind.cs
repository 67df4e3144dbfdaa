using System.Globalization;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// Subfunctions of one devlink device, made on demand. One is free that has a number of the configured range, is not active or has its interface in the
/// host's namespace, and that no claim names.
/// </summary>
internal sealed partial class SfKind(SfConfig config, HostHardware hardware) : IDeviceKind
{
    private readonly Lock _lock = new();
    private readonly HashSet<uint> _making = [];

    public string Kind => "sf";

    public int DefaultLimit => 254;

    public bool MadeByTarget => false;

    public bool Pooled => true;

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
        var number = request.Wanted.Length > 0 ? Wanted(request, ports, links) : Any(request, ports, links);
        var port = config.Port.Length > 0 ? config.Port : PortName.For(request.Key);
        var link = links.GetValueOrDefault(number);
        return new DevicePlan(NameOf(number), port, request.Mac ?? (config.Mac == FunctionMac.Random ? MacAddress.Random() : link?.Mac ?? default))
        {
            Origin = new LinkOrigin(OwnName(number), link?.Mtu ?? 0, default),
        };
    }

    public MadePort Create(PortRequest request, PodNetwork pod)
    {
        var number = NumberOf(request.Device);
        using var host = hardware.OpenLinks();
        var link = Make(number, request.Mac, host, request);
        var mac = request.Mac == default ? link.Mac : request.Mac;
        var index = LentLink.Lend(host, link, request with { Mac = mac }, pod, (l, m) => host.SetLink(l.Index, new LinkChange { Mac = m }));
        return new MadePort(index, mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        var number = NumberOf(claim.Device);
        if (config.Reuse)
        {
            using var host = hardware.OpenLinks();
            var home = LentLink.TakeBack(
                host,
                claim,
                l => l.ParentDevice is { } parent ? hardware.Bus.AuxiliaryDevices(config.Device!, number).Any(a => a.Name == parent) : null,
                () => LinkOf(number, host),
                static (_, _) => { });
            // What did not become whole is better made anew.
            if (home)
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

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    public bool IsHome(Claim claim)
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

    // By its number it is made again where it is gone.
    public bool CanRestore(Claim claim)
    {
        using var devlink = hardware.OpenDevlink();
        return devlink.GetDevices().Contains(config.Device!);
    }

    public string? Problem(Claim claim)
    {
        using var devlink = hardware.OpenDevlink();
        return PortOf(devlink, NumberOf(claim.Device)) is not { } port ? $"the subfunction {claim.Device} of {claim.Key} is gone from the machine"
            : port.FunctionActive == false ? $"the subfunction {claim.Device} of {claim.Key} is not active"
            : PodDevices.Present([claim]).Count == 0 ? $"the subfunction {claim.Device} of {claim.Key} is not in the pod"
            : null;
    }

    private uint Any(PlanRequest request, IReadOnlyList<DevlinkPort> ports, IReadOnlyDictionary<uint, LinkInfo> links)
    {
        lock (_lock)
        {
            bool IsOpen(uint number) => !_making.Contains(number) && !request.InUse.Contains(NameOf(number)) && !request.SetAside.Contains(NameOf(number));
            foreach (var port in ports)
            {
                if (IsOpen(port.SfNumber!.Value) && IsUsable(port, links))
                {
                    return port.SfNumber.Value;
                }
            }
            return Unused(ports, IsOpen)
                ?? throw new CniException(CniErrorCode.TryAgainLater, $"no subfunction is free: all numbers of {config.Numbers} are in use or set aside", "host-stub devices shows them; Device:Sf:Numbers says which pods may have");
        }
    }

    private uint Wanted(PlanRequest request, IReadOnlyList<DevlinkPort> ports, IReadOnlyDictionary<uint, LinkInfo> links)
    {
        if (!TryParse(request.Wanted, out var number) || ports.FirstOrDefault(p => p.SfNumber == number) is not { } port)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"deviceID \"{request.Wanted}\" is no subfunction of Device:Sf", $"one is named {NameOf(config.Numbers.First)}");
        }

        if (request.InUse.Contains(NameOf(number)))
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the subfunction {request.Wanted} is in use", "host-stub devices shows by whom");
        }

        if (request.SetAside.Contains(NameOf(number)))
        {
            throw new CniException(CniErrorCode.TryAgainLater, $"the subfunction {request.Wanted} is set aside", "host-stub devices tells why, and until when");
        }

        return IsUsable(port, links)
            ? number
            : throw new CniException(CniErrorCode.TryAgainLater, $"the subfunction {request.Wanted} has no interface in the host's namespace", "somebody took it, or its driver is not there");
    }

    /// <summary>Makes and activates what is not there yet, and waits for its interface, which then has the name that is ours.</summary>
    private LinkInfo Make(uint number, MacAddress mac, RouteNetlink host, PortRequest? request = null)
    {
        using var devlink = hardware.OpenDevlink();
        var port = PortOf(devlink, number);
        var made = port is null;
        port ??= devlink.CreateSubfunction(new SubfunctionSpec { Device = config.Device!, PfNumber = config.PhysicalFunction, SfNumber = number });
        if (mac != default && port.FunctionActive != true && port.FunctionMac != mac)
        {
            bool SetMac()
            {
                devlink.SetFunction(config.Device!, port.Index, new FunctionChange { Mac = mac });
                return true;
            }
            _ = request is null ? SetMac() : request.GiveMac(SetMac);
        }
        var link = port.FunctionActive == true ? LinkOf(number, host) : null;
        if (link is null)
        {
            try
            {
                // By its index: udev may be renaming it.
                link = host.GetLink(devlink.ActivateSubfunction(config.Device!, port.Index, config.Activation, CancellationToken.None).NetdevIndex);
            }
            catch when (made)
            {
                devlink.DeletePort(config.Device!, port.Index);
                throw;
            }
        }
        if (link is null)
        {
            throw new LinuxException($"find the interface of the subfunction {NameOf(number)}", Errno.ENODEV);
        }

        if (link.Name == OwnName(number) || host.GetLink(OwnName(number)) is not null)
        {
            return link;
        }

        host.SetLink(link.Index, new LinkChange { Up = false });
        host.SetLink(link.Index, new LinkChange { Name = OwnName(number) });
        return link with { Name = OwnName(number), IsUp = false };
    }

    private uint? Unused(IReadOnlyList<DevlinkPort> ports, Func<uint, bool> isOpen)
    {
        var there = ports.Select(p => p.SfNumber!.Value).ToHashSet();
        for (var number = config.Numbers.First; number <= config.Numbers.Last; number++)
        {
            if (!there.Contains(number) && isOpen(number))
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

    private DevlinkPort? PortOf(DevlinkClient devlink, uint number) => devlink.GetPorts(config.Device).FirstOrDefault(p => IsOurs(p) && p.SfNumber == number);

    private bool IsOurs(DevlinkPort port) =>
        port.Flavour == DevlinkPortFlavour.PciSf && port.PfNumber == config.PhysicalFunction && port.SfNumber is { } number && config.Numbers.Contains(number);

    private static bool IsUsable(DevlinkPort port, IReadOnlyDictionary<uint, LinkInfo> links) => port.FunctionActive == false || links.ContainsKey(port.SfNumber!.Value);

    /// <summary>The interfaces of all subfunctions in the host's namespace, by their number.</summary>
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

    private static string OwnName(uint number) => string.Create(CultureInfo.InvariantCulture, $"accsf{number}");

    private uint NumberOf(string device) => TryParse(device, out var number) ? number : throw new LinuxException($"find the subfunction {device}", Errno.ENODEV);

    private bool TryParse(string device, out uint number)
    {
        var prefix = $"{config.Device}/sf";
        number = 0;
        return device.StartsWith(prefix, StringComparison.Ordinal) && uint.TryParse(device.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out number)
            && config.Numbers.Contains(number);
    }
}
