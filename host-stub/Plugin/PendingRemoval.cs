using System.Runtime.InteropServices;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>
/// Keeps a DEL that the agent could not take, because a runtime may ask only once. The agent does it when it is back. Only this path costs what files
/// cost: the plugin does not come here while the agent answers.
/// </summary>
internal static class PendingRemoval
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>Returns once the file and its directory entry are on disk.</summary>
    /// <param name="directory">Made, for its owner only, when it is not there.</param>
    /// <param name="name">The attachment's; a file of that name is replaced.</param>
    /// <param name="frame">The request as the agent would have got it.</param>
    /// <exception cref="IOException">It could not be kept; the message says why.</exception>
    public static void Keep(string directory, string name, byte[] frame)
    {
        try
        {
            var folder = Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
            if (folder.LinkTarget is not null || (folder.UnixFileMode & OthersWrite) != 0)
            {
                throw new IOException($"{directory} is a link, or others may write there");
            }

            RequireRoom(folder, name, frame.Length);
            var fresh = Path.Combine(directory, $"{PendingName.Unfinished}{Environment.ProcessId}-{name}");
            Write(fresh, frame);
            File.Move(fresh, Path.Combine(directory, name), overwrite: true);
            Sync(directory);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static void RequireRoom(DirectoryInfo folder, string name, int length)
    {
        var files = 0;
        long bytes = length;
        foreach (var file in folder.EnumerateFiles())
        {
            if (file.Name == name)
            {
                continue;
            }

            files++;
            try
            {
                bytes += file.Length;
            }
            catch (FileNotFoundException)
            {
                // Another plugin gave it its name, or the agent has done it.
            }
        }
        if (files >= PendingName.MostFiles || bytes > PendingName.MostBytes)
        {
            throw new IOException($"{folder.FullName} is full: {files} removals wait there, at most {PendingName.MostFiles} with {PendingName.MostBytes} bytes");
        }
    }

    private static void Write(string file, byte[] frame)
    {
        try
        {
            // Made here or not at all: whoever owns the directory could have left a link of that name.
            File.Delete(file);
            using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 });
            stream.Write(frame);
            stream.Flush(flushToDisk: true);
        }
        catch
        {
            File.Delete(file);
            throw;
        }
    }

    private static void Sync(string directory)
    {
        var fd = Libc.Open(directory, Libc.OpenDirectoryOnly, 0);
        if (fd < 0 || Libc.Fsync(fd) != 0)
        {
            var reason = Marshal.GetLastPInvokeErrorMessage();
            if (fd >= 0)
            {
                _ = Libc.Close(fd);
            }

            throw new IOException($"{directory} could not be written to disk: {reason}");
        }
        _ = Libc.Close(fd);
    }
}
