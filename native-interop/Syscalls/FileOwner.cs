namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Owners of files: what .NET does not know of.</summary>
public static class FileOwner
{
    /// <summary>Gives a file the owner and group of another file or folder. What has them already is left alone, so that it takes no privilege then.</summary>
    /// <exception cref="LinuxException">One of them can't be opened, or the owner may not be changed.</exception>
    public static void CopyFrom(string source, string target)
    {
        var wanted = Of(source);
        if (Of(target) != wanted && Libc.ChangeOwner(target, wanted.Uid, wanted.Gid) != 0)
        {
            throw LinuxException.FromLastError($"give {target} to user {wanted.Uid}, group {wanted.Gid}");
        }
    }

    private static unsafe (uint Uid, uint Gid) Of(string path)
    {
        using var handle = Libc.Open(path, Libc.OpenReadOnly | Libc.OpenCloseOnExec, 0);
        Libc.StatxBuffer status;
        if (handle.IsInvalid || Libc.Statx(handle, "", Libc.AtEmptyPath, Libc.StatxUid | Libc.StatxGid, &status) != 0)
        {
            throw LinuxException.FromLastError($"find out who owns {path}");
        }

        return (status.Uid, status.Gid);
    }
}
