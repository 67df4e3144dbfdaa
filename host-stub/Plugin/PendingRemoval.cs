using System.Runtime.InteropServices;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Plugin;

/// <summary>
/// Stores a DEL that the agent did not accept, because a runtime may send it only once. The agent executes it when it is back. The plugin
/// uses files for nothing else.
/// </summary>
internal static class PendingRemoval
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>Stores a DEL. The file and its directory entry are on disk when it returns.</summary>
    /// <param name="directory">Created with access for its owner only, if it does not exist.</param>
    /// <param name="name">The attachment's file name; an existing file is replaced.</param>
    /// <param name="frame">The request as it would be sent to the agent.</param>
    /// <exception cref="IOException">It could not be stored; the message says why.</exception>
    public static void Store(string directory, string name, byte[] frame)
    {
        try
        {
            var folder = Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
            if (folder.LinkTarget is not null || (folder.UnixFileMode & OthersWrite) != 0)
            {
                throw new IOException($"{directory} is a link, or other users may write to it");
            }

            RequireSpace(folder, name, frame.Length);
            var fresh = Path.Combine(directory, $"{PendingFiles.UnfinishedPrefix}{Environment.ProcessId}-{name}");
            Write(fresh, frame);
            File.Move(fresh, Path.Combine(directory, name), overwrite: true);
            Sync(directory);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static void RequireSpace(DirectoryInfo folder, string name, int length)
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
                // Another plugin renamed it, or the agent has executed it.
            }
        }
        if (files >= PendingFiles.MaxFiles || bytes > PendingFiles.MaxBytes)
        {
            throw new IOException($"{folder.FullName} is full: {files} removals wait there; the limits are {PendingFiles.MaxFiles} "
                + $"files and {PendingFiles.MaxBytes} bytes");
        }
    }

    private static void Write(string file, byte[] frame)
    {
        try
        {
            // Always a new file: the owner of the directory could have created a link of that name.
            File.Delete(file);
            using var stream = new FileStream(
                file,
                new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 });
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
