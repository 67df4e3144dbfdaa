using System.Globalization;

namespace ACCOffload.NativeInterop.Pci;

/// <summary>
/// PCI functions, their virtual functions and netdevs, as shown by sysfs. Sysfs shows the netdevs of the namespace it was mounted in: a
/// netdev that was moved to a pod is not listed.
/// </summary>
public sealed partial class PciBus
{
    private readonly Sysfs _sysfs;

    /// <param name="sysfs">Where sysfs is mounted.</param>
    public PciBus(string sysfs = "/sys")
        : this(new Sysfs(sysfs))
    {
    }

    internal PciBus(Sysfs sysfs) => _sysfs = sysfs;

    /// <summary>All functions, by ascending address.</summary>
    public IReadOnlyList<PciDevice> All()
    {
        var found = new List<PciDevice>();
        foreach (var address in Sysfs.Entries(_sysfs.PathOf("bus/pci/devices")))
        {
            if (Get(address) is { } device)
            {
                found.Add(device);
            }
        }
        return found;
    }

    /// <summary>Functions with a vendor and device id: 0x8086, 0x1452 is the host's function of an E2100.</summary>
    public IReadOnlyList<PciDevice> Find(ushort vendor, ushort device) => [.. All().Where(d => d.Vendor == vendor && d.Device == device)];

    /// <summary>One function.</summary>
    /// <param name="address">Its full address, "0000:01:00.0".</param>
    /// <returns>Null if there is none, or the address is invalid.</returns>
    public PciDevice? Get(string address)
    {
        if (!IsAddress(address))
        {
            return null;
        }

        var path = PathOf(address);
        if (Hex(path, "vendor") is not { } vendor || Hex(path, "device") is not { } device || vendor > ushort.MaxValue
            || device > ushort.MaxValue)
        {
            return null;
        }

        return new PciDevice
        {
            Address = address,
            Vendor = (ushort)vendor,
            Device = (ushort)device,
            Class = Hex(path, "class") ?? 0,
            Driver = Sysfs.LinkName(Path.Join(path, "driver")),
            Netdevs = _sysfs.Netdevs(path),
            PhysicalFunction = Sysfs.LinkName(Path.Join(path, "physfn")),
            NumaNode = Number(Path.Join(path, "numa_node")) ?? -1,
        };
    }

    /// <summary>True for a full PCI address: domain, bus, device and function in lower-case hexadecimal.</summary>
    public static bool IsAddress(string? text)
    {
        // Domains have four digits, or more (VMD).
        if (text is null || text.Length is < 12 or > 16)
        {
            return false;
        }

        for (var (i, end) = (0, text.Length - 8); i < text.Length; i++)
        {
            var good = (i - end) switch
            {
                0 or 3 => text[i] == ':',
                6 => text[i] == '.',
                7 => text[i] is >= '0' and <= '7',
                _ => text[i] is (>= '0' and <= '9') or (>= 'a' and <= 'f'),
            };
            if (!good)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Netdevs of a subfunction, in the namespace that sysfs was mounted in.</summary>
    /// <param name="device">The devlink device that its port is on.</param>
    /// <param name="sfNumber">Its number.</param>
    public IReadOnlyList<string> AuxiliaryNetdevs(DevlinkHandle device, uint sfNumber) =>
        [.. AuxiliaryDevices(device, sfNumber).SelectMany(a => a.Netdevs)];

    /// <summary>Devices of a subfunction on the auxiliary bus.</summary>
    /// <param name="device">The devlink device that its port is on.</param>
    /// <param name="sfNumber">Its number.</param>
    public IReadOnlyList<AuxiliaryDevice> AuxiliaryDevices(DevlinkHandle device, uint sfNumber) => FindAuxiliary(device, sfNumber);

    /// <summary>Devices of all subfunctions of a devlink device on the auxiliary bus, in one pass.</summary>
    public IReadOnlyList<AuxiliaryDevice> AuxiliaryDevices(DevlinkHandle device) => FindAuxiliary(device, null);

    private List<AuxiliaryDevice> FindAuxiliary(DevlinkHandle device, uint? wanted)
    {
        ArgumentNullException.ThrowIfNull(device);
        var found = new List<AuxiliaryDevice>();
        // Several physical functions may use the same numbers: only look below the right one.
        var parent = _sysfs.PathOf("bus", device.Bus, "devices", device.Name);
        foreach (var name in Sysfs.Entries(_sysfs.PathOf("bus/auxiliary/devices")))
        {
            var path = Path.Join(parent, name);
            if (uint.TryParse(Sysfs.Read(Path.Join(path, "sfnum")), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && (wanted is null || number == wanted))
            {
                found.Add(new AuxiliaryDevice(name, number, _sysfs.Netdevs(path)));
            }
        }
        return found;
    }

    private string PathOf(string address) => _sysfs.PathOf("bus/pci/devices", address);

    private static uint? Hex(string directory, string name)
    {
        var text = Sysfs.Read(Path.Join(directory, name)) ?? "";
        return text.StartsWith("0x", StringComparison.Ordinal)
            && uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static int? Number(string path) =>
        int.TryParse(Sysfs.Read(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
}
