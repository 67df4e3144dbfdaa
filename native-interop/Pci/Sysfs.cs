using System.Runtime.InteropServices;
using System.Text;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Pci;

/// <summary>Simulates the kernel behind a sysfs of plain files, for tests.</summary>
internal interface ISysfsHook
{
    /// <summary>Called before netdevs are listed.</summary>
    void BeforeNetdevs();

    /// <summary>Simulates the effect of writing a value.</summary>
    Errno Write(string path, string value);
}

/// <summary>
/// Reads and writes sysfs attributes. A missing file is not an error, even if it disappears during the read: hardware comes and goes.
/// </summary>
internal sealed unsafe class Sysfs(string root, ISysfsHook? hook = null)
{
    private const int MaxLength = 4096;
    private const int MaxEntries = 1 << 16;

    public string PathOf(params ReadOnlySpan<string> parts) => Path.Join([root, .. parts]);

    /// <summary>The first 4096 bytes of a file, trimmed; null if it does not exist or can't be read.</summary>
    public static string? Read(string path)
    {
        // O_NONBLOCK: the read must not block forever, whatever the path refers to.
        using var file = Libc.Open(path, Libc.O_RDONLY | Libc.O_CLOEXEC | Libc.O_NONBLOCK, 0);
        if (file.IsInvalid)
        {
            return null;
        }

        var buffer = stackalloc byte[MaxLength];
        var length = 0;
        while (length < MaxLength)
        {
            var read = Libc.Read(file, buffer + length, (nuint)(MaxLength - length));
            if (read < 0 && (Errno)Marshal.GetLastPInvokeError() == Errno.EINTR)
            {
                continue;
            }

            if (read < 0)
            {
                return null;
            }

            if (read == 0)
            {
                break;
            }

            length += (int)read;
        }
        return Encoding.UTF8.GetString(buffer, length).Trim();
    }

    /// <summary>Writes a value in one call, as sysfs requires.</summary>
    public Errno Write(string path, string value) => hook?.Write(path, value) ?? WriteFile(path, value);

    /// <summary>Netdevs of a device, by the path of its directory.</summary>
    public string[] Netdevs(string path)
    {
        hook?.BeforeNetdevs();
        var names = Entries(Path.Join(path, "net"));
        if (names.Length > 0)
        {
            return names;
        }
        // The netdev of a virtio function is below the virtio device.
        return [.. Entries(path)
            .Where(e => e.StartsWith("virtio", StringComparison.Ordinal)).SelectMany(e => Entries(Path.Join(path, e, "net")))];
    }

    /// <summary>
    /// Last component of a symbolic link's target: "igb" for driver → ../../bus/pci/drivers/igb; null if it is not a link.
    /// </summary>
    public static string? LinkName(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget is { } target ? Path.GetFileName(target.TrimEnd('/')) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Names in a directory, sorted; none if the directory does not exist.</summary>
    public static string[] Entries(string path)
    {
        try
        {
            var names = Directory.EnumerateFileSystemEntries(path).Take(MaxEntries).Select(e => Path.GetFileName(e)).ToArray();
            Array.Sort(names, StringComparer.Ordinal);
            return names;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Errno WriteFile(string path, string value)
    {
        using var file = Libc.Open(path, Libc.O_WRONLY | Libc.O_CLOEXEC, 0);
        if (file.IsInvalid)
        {
            return (Errno)Marshal.GetLastPInvokeError();
        }

        var bytes = Encoding.UTF8.GetBytes(value);
        fixed (byte* start = bytes)
        {
            var written = Libc.Write(file, start, (nuint)bytes.Length);
            return written < 0 ? (Errno)Marshal.GetLastPInvokeError() : written == bytes.Length ? Errno.None : Errno.EIO;
        }
    }
}
