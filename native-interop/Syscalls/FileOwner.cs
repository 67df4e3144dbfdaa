namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>File ownership, which .NET does not support.</summary>
public static class FileOwner
{
    /// <summary>Gives a file the owner and group of another file or folder. Needs no privilege if it already has them.</summary>
    /// <exception cref="LinuxException">One of them can't be opened, or the owner may not be changed.</exception>
    public static void CopyFrom(string source, string target)
    {
        var wanted = Of(source);
        if (Of(target) != wanted && Libc.ChangeOwner(target, wanted.Uid, wanted.Gid) != 0)
        {
            throw LinuxException.FromLastError($"change owner of {target} to user {wanted.Uid}, group {wanted.Gid}");
        }
    }

    private static unsafe (uint Uid, uint Gid) Of(string path)
    {
        using var handle = Libc.Open(path, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        Libc.StatxBuffer status;
        if (handle.IsInvalid || Libc.Statx(handle, "", Libc.AT_EMPTY_PATH, Libc.STATX_UID | Libc.STATX_GID, &status) != 0)
        {
            throw LinuxException.FromLastError($"read the owner of {path}");
        }

        return (status.Uid, status.Gid);
    }
}
