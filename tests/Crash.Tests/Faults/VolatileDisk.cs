using System.ComponentModel;
using System.Runtime.InteropServices;
using ACCOffload.TestKit.Processes;
using Microsoft.Win32.SafeHandles;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>A file system on a loop device with simulated power loss: unsynced data is lost, as on a disk.</summary>
internal sealed partial class VolatileDisk : IAsyncDisposable
{
    // linux/fs/ext4/ext4.h: EXT4_IOC_SHUTDOWN, with the flag to discard the journal in memory.
    private const nuint Shutdown = 0x8004587D;
    private const uint NoLogFlush = 2;
    private readonly string _image;
    private bool _mounted;

    private VolatileDisk(string path, string image) => (Path, _image) = (path, image);

    public string Path { get; }

    public static async Task<VolatileDisk> CreateAsync(string path, int megabytes = 32)
    {
        Directory.CreateDirectory(path);
        var disk = new VolatileDisk(path, path + ".img");
        using (var file = File.Create(disk._image))
        {
            file.SetLength((long)megabytes << 20);
        }

        await Shell.RunAsync(null, "mkfs.ext4", ["-q", "-F", disk._image]).Succeeded();
        await disk.MountAsync();
        return disk;
    }

    /// <summary>Nothing reaches the disk any more, and all access to it fails.</summary>
    public void CutPower()
    {
        using var root = Open(Path, 0);
        var how = NoLogFlush;
        if (root.IsInvalid || Ioctl(root, Shutdown, ref how) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"shut down {Path}");
        }
    }

    /// <summary>Restores power with only the synced data. No file may be open on the disk.</summary>
    public async Task RestoreAsync()
    {
        await Shell.RunAsync(null, "umount", [Path]).Succeeded();
        _mounted = false;
        await MountAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_mounted)
        {
            await Shell.RunAsync(null, "umount", ["-l", Path]);
        }

        File.Delete(_image);
    }

    private async Task MountAsync()
    {
        await Shell.RunAsync(null, "mount", ["-o", "loop", _image, Path]).Succeeded();
        _mounted = true;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle file, nuint request, ref uint argument);
}
