using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>A file system of a few MiB that can be filled completely and freed again.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    private string Filler => System.IO.Path.Combine(Path, "filler");

    public static async Task<SmallDisk> MountAsync(string path, int megabytes = 3)
    {
        Directory.CreateDirectory(path);
        await Shell.RunAsync(null, "mount", ["-t", "tmpfs", "-o", $"size={megabytes}m,mode=700", "accoffload-test", path]).Succeeded();
        return new SmallDisk(path);
    }

    public void Fill()
    {
        using var file = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Free() => File.Delete(Filler);

    // Lazy unmount: processes may still have files open.
    public async ValueTask DisposeAsync() => await Shell.RunAsync(null, "umount", ["-l", Path]);
}
