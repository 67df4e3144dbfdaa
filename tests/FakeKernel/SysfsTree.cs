using System.Globalization;

namespace ACCOffload.FakeKernel;

/// <summary>A sysfs of plain files in a temporary directory.</summary>
internal sealed class SysfsTree : IDisposable
{
    private const string Memory = "/dev/shm";

    public SysfsTree()
    {
        // In memory if possible: a function consists of many small files.
        Root = Directory.Exists(Memory)
            ? Directory.CreateDirectory(Path.Join(Memory, $"accoffload-sysfs-{Guid.NewGuid():N}")).FullName
            : Directory.CreateTempSubdirectory("accoffload-sysfs-").FullName;
        Directory.CreateDirectory(Path.Join(Root, "bus/pci/devices"));
        Directory.CreateDirectory(Path.Join(Root, "bus/auxiliary/devices"));
    }

    public string Root { get; }

    public string PciPlace(string address) => Path.Join(Root, "devices/pci0000:00", address);

    public void AddPci(string address, ushort vendor, ushort device, string? driver)
    {
        var place = PciPlace(address);
        Directory.CreateDirectory(place);
        Write(place, "vendor", $"0x{vendor:x4}");
        Write(place, "device", $"0x{device:x4}");
        Write(place, "class", "0x020000");
        Write(place, "numa_node", "-1");
        if (driver is not null)
        {
            Directory.CreateDirectory(Path.Join(Root, "bus/pci/drivers", driver));
            Directory.CreateSymbolicLink(Path.Join(place, "driver"), $"../../../bus/pci/drivers/{driver}");
        }
        Directory.CreateSymbolicLink(Path.Join(Root, "bus/pci/devices", address), $"../../../devices/pci0000:00/{address}");
    }

    public void RemovePci(string address)
    {
        File.Delete(Path.Join(Root, "bus/pci/devices", address));
        RemovePlace(PciPlace(address));
    }

    public string AddAuxiliary(string pci, string name, uint sfNumber)
    {
        var place = Path.Join(PciPlace(pci), name);
        Directory.CreateDirectory(place);
        Write(place, "sfnum", sfNumber.ToString(CultureInfo.InvariantCulture));
        Directory.CreateSymbolicLink(Path.Join(Root, "bus/auxiliary/devices", name), $"../../../devices/pci0000:00/{pci}/{name}");
        return place;
    }

    public void RemoveAuxiliary(string place)
    {
        File.Delete(Path.Join(Root, "bus/auxiliary/devices", Path.GetFileName(place)));
        RemovePlace(place);
    }

    public static void Write(string place, string name, string value) => File.WriteAllText(Path.Join(place, name), value + "\n");

    public static void AddNetdev(string place, string name, int index)
    {
        var directory = Path.Join(place, "net", name);
        Directory.CreateDirectory(directory);
        Write(directory, "ifindex", index.ToString(CultureInfo.InvariantCulture));
    }

    public static void RemoveNetdevs(string place)
    {
        var directory = Path.Join(place, "net");
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    public void Dispose() => RemovePlace(Root);

    private static void RemovePlace(string place)
    {
        if (Directory.Exists(place))
        {
            Directory.Delete(place, recursive: true);
        }
    }
}
