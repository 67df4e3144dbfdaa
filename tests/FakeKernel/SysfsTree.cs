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

    public string PciPath(string address) => Path.Join(Root, "devices/pci0000:00", address);

    public void AddPci(string address, ushort vendor, ushort device, string? driver)
    {
        var sysfsPath = PciPath(address);
        Directory.CreateDirectory(sysfsPath);
        Write(sysfsPath, "vendor", $"0x{vendor:x4}");
        Write(sysfsPath, "device", $"0x{device:x4}");
        Write(sysfsPath, "class", "0x020000");
        Write(sysfsPath, "numa_node", "-1");
        if (driver is not null)
        {
            Directory.CreateDirectory(Path.Join(Root, "bus/pci/drivers", driver));
            Directory.CreateSymbolicLink(Path.Join(sysfsPath, "driver"), $"../../../bus/pci/drivers/{driver}");
        }
        Directory.CreateSymbolicLink(Path.Join(Root, "bus/pci/devices", address), $"../../../devices/pci0000:00/{address}");
    }

    public void RemovePci(string address)
    {
        File.Delete(Path.Join(Root, "bus/pci/devices", address));
        RemoveDirectory(PciPath(address));
    }

    public string AddAuxiliary(string pci, string name, uint sfNumber)
    {
        var sysfsPath = Path.Join(PciPath(pci), name);
        Directory.CreateDirectory(sysfsPath);
        Write(sysfsPath, "sfnum", sfNumber.ToString(CultureInfo.InvariantCulture));
        Directory.CreateSymbolicLink(Path.Join(Root, "bus/auxiliary/devices", name), $"../../../devices/pci0000:00/{pci}/{name}");
        return sysfsPath;
    }

    public void RemoveAuxiliary(string sysfsPath)
    {
        File.Delete(Path.Join(Root, "bus/auxiliary/devices", Path.GetFileName(sysfsPath)));
        RemoveDirectory(sysfsPath);
    }

    public static void Write(string sysfsPath, string name, string value) => File.WriteAllText(Path.Join(sysfsPath, name), value + "\n");

    public static void AddNetdev(string sysfsPath, string name, int index)
    {
        var directory = Path.Join(sysfsPath, "net", name);
        Directory.CreateDirectory(directory);
        Write(directory, "ifindex", index.ToString(CultureInfo.InvariantCulture));
    }

    public static void RemoveNetdevs(string sysfsPath)
    {
        var directory = Path.Join(sysfsPath, "net");
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    public void Dispose() => RemoveDirectory(Root);

    private static void RemoveDirectory(string sysfsPath)
    {
        if (Directory.Exists(sysfsPath))
        {
            Directory.Delete(sysfsPath, recursive: true);
        }
    }
}
