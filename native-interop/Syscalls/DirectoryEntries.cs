namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Names of files.</summary>
public static class DirectoryEntries
{
    /// <summary>Gives a file a second name (link(2)).</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">The new name, in the same file system.</param>
    /// <exception cref="LinuxException">The name exists (EEXIST), or the file does not (ENOENT).</exception>
    public static void Link(string file, string name)
    {
        if (Libc.Link(file, name) != 0)
        {
            throw LinuxException.FromLastError($"link {file} to {name}");
        }
    }

    /// <summary>Makes the names in a file's directory durable: a power cut does not undo what was created, renamed or deleted.</summary>
    /// <exception cref="LinuxException">The directory cannot be opened or written.</exception>
    public static void Flush(string file)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/";
        using var handle = Libc.Open(directory, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (handle.IsInvalid || Libc.Sync(handle) != 0)
        {
            throw LinuxException.FromLastError($"flush {directory}");
        }
    }
}
