using System.Runtime.InteropServices;
using System.Text;

namespace ACCOffload.NativeInterop.Syscalls;

/// <content>Named namespaces: files under /run/netns that the namespace is bind-mounted on, shared with iproute2.</content>
public sealed unsafe partial class NetNamespace
{
    /// <summary>Directory of named namespaces, shared with iproute2.</summary>
    public const string NamedDirectory = "/run/netns";

    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);

    /// <summary>The file of a named namespace.</summary>
    /// <exception cref="ArgumentException">The name is not a single path component.</exception>
    public static string NamedPath(string name)
    {
        if (string.IsNullOrEmpty(name) || name is "." or ".." || name.AsSpan().ContainsAny('/', '\0')
            || Encoding.UTF8.GetByteCount(name) > 255)
        {
            throw new ArgumentException($"invalid network namespace name '{name}'", nameof(name));
        }

        return $"{NamedDirectory}/{name}";
    }

    /// <summary>Creates an empty named namespace, as `ip netns add` does. Its loopback is down.</summary>
    /// <exception cref="LinuxException">The name is taken (EEXIST), or the process lacks the privilege (EPERM).</exception>
    public static NetNamespace CreateNamed(string name)
    {
        var path = NamedPath(name);
        PrepareDirectory();
        using (var file = Libc.Open(path, Libc.O_RDONLY | Libc.O_CREAT | Libc.O_EXCL | Libc.O_CLOEXEC, 0))
        {
            if (file.IsInvalid)
            {
                throw LinuxException.FromLastError($"create network namespace {path}");
            }
        }
        try
        {
            RunOnNewThread(() =>
            {
                if (Libc.Unshare(Libc.CLONE_NEWNET) != 0)
                {
                    throw LinuxException.FromLastError($"create network namespace {path}");
                }

                if (Libc.Mount("/proc/thread-self/ns/net", path, "none", Libc.MS_BIND, null) != 0)
                {
                    throw LinuxException.FromLastError($"mount network namespace {path}");
                }
            });
            return Open(path);
        }
        catch
        {
            _ = Libc.Unmount(path, Libc.MNT_DETACH);
            _ = Libc.Unlink(path);
            throw;
        }
    }

    /// <summary>Opens the named namespace, and creates it if it does not exist.</summary>
    public static NetNamespace OpenOrCreateNamed(string name)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return OpenNamed(name);
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
            }
            try
            {
                return CreateNamed(name);
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST && attempt < 3)
            {
                // Another process created it first.
            }
        }
    }

    /// <summary>Deletes the name; the namespace exists until no process, descriptor or mount refers to it.</summary>
    /// <returns>False if there was none.</returns>
    /// <exception cref="LinuxException">The process lacks the privilege (EPERM, EACCES).</exception>
    public static bool DeleteNamed(string name)
    {
        var path = NamedPath(name);
        // EINVAL: the file exists but nothing is mounted on it, left over from a crash.
        if (Libc.Unmount(path, Libc.MNT_DETACH) != 0 && (Errno)Marshal.GetLastPInvokeError() is not (Errno.EINVAL or Errno.ENOENT))
        {
            throw LinuxException.FromLastError($"unmount network namespace {path}");
        }

        if (Libc.Unlink(path) == 0)
        {
            return true;
        }

        return (Errno)Marshal.GetLastPInvokeError() == Errno.ENOENT ? false
            : throw LinuxException.FromLastError($"remove network namespace {path}");
    }

    // The directory is a shared mount, so that deleting a namespace in one mount namespace deletes it in all of them.
    private static void PrepareDirectory()
    {
        if (Libc.MakeDirectory(NamedDirectory, 0b111_101_101) != 0 && (Errno)Marshal.GetLastPInvokeError() != Errno.EEXIST)
        {
            throw LinuxException.FromLastError($"create {NamedDirectory}");
        }

        using var directory = Libc.Open(NamedDirectory, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (directory.IsInvalid)
        {
            throw LinuxException.FromLastError($"open {NamedDirectory}");
        }
        // iproute2 takes the same lock; without it, two processes could both bind-mount the directory onto itself.
        var started = TimeProvider.System.GetTimestamp();
        while (Libc.Flock(directory, Libc.LOCK_EX | Libc.LOCK_NB) != 0)
        {
            if ((Errno)Marshal.GetLastPInvokeError() is not (Errno.EAGAIN or Errno.EINTR)
                || TimeProvider.System.GetElapsedTime(started) > LockLimit)
            {
                throw LinuxException.FromLastError($"lock {NamedDirectory}");
            }

            Thread.Sleep(1);
        }
        if (ShareDirectory())
        {
            return;
        }

        if ((Errno)Marshal.GetLastPInvokeError() != Errno.EINVAL)
        {
            throw LinuxException.FromLastError($"share {NamedDirectory}");
        }
        // EINVAL: not a mount point yet.
        if (Libc.Mount(NamedDirectory, NamedDirectory, "none", Libc.MS_BIND | Libc.MS_REC, null) != 0)
        {
            throw LinuxException.FromLastError($"mount {NamedDirectory}");
        }

        if (!ShareDirectory())
        {
            throw LinuxException.FromLastError($"share {NamedDirectory}");
        }
    }

    private static bool ShareDirectory() => Libc.Mount("", NamedDirectory, "none", Libc.MS_SHARED | Libc.MS_REC, null) == 0;
}
