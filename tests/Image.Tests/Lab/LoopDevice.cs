using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Lab;

/// <summary>A loop device backed by a file.</summary>
internal sealed class LoopDevice : IAsyncDisposable
{
    private LoopDevice(string path, string file)
    {
        Path = path;
        File = file;
    }

    public string Path { get; }

    /// <summary>The backing file.</summary>
    public string File { get; }

    public static async Task<LoopDevice> AttachAsync(string file, long bytes)
    {
        await using (var stream = new FileStream(file, FileMode.Create))
        {
            stream.SetLength(bytes);
        }

        var path = (await Shell.RunAsync(null, "losetup", ["--find", "--show", "--partscan", file]).Succeeded()).Output.Trim();
        return new LoopDevice(path, file);
    }

    public async ValueTask DisposeAsync()
    {
        await Shell.RunAsync(null, "losetup", ["--detach", Path]);
        System.IO.File.Delete(File);
    }
}
