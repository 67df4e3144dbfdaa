using System.Runtime.ExceptionServices;

namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>An open network namespace. It exists while it is open, even if its name is deleted.</summary>
public sealed unsafe partial class NetNamespace : IDisposable
{
    private const nuint NS_GET_NSTYPE = 0xb703;

    private NetNamespace(FileDescriptor handle, string path, ulong device, ulong inode)
    {
        Handle = handle;
        Path = path;
        Device = device;
        Inode = inode;
    }

    /// <summary>The open nsfs descriptor.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>The path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Inode in nsfs: two namespaces are the same if this and <see cref="Device"/> are equal.</summary>
    public ulong Inode { get; }

    /// <summary>Device number of the nsfs file system: major in the high 32 bits, minor in the low ones.</summary>
    public ulong Device { get; }

    /// <summary>Opens a namespace by its file: /run/netns/NAME, /proc/PID/ns/net, /var/run/netns/cni-….</summary>
    /// <exception cref="LinuxException">
    /// There is no such file (ENOENT), it is not a network namespace (EINVAL), or access is denied.
    /// </exception>
    public static NetNamespace Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // O_NONBLOCK: a path from a CNI request may name a FIFO, and open must not block forever.
        var handle = Libc.Open(path, Libc.O_RDONLY | Libc.O_CLOEXEC | Libc.O_NONBLOCK, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError($"open network namespace {path}");
        }

        try
        {
            if (Libc.Ioctl(handle, NS_GET_NSTYPE, null) != Libc.CLONE_NEWNET)
            {
                throw new LinuxException($"open {path}: not a network namespace", Errno.EINVAL);
            }

            Libc.StatxBuffer status;
            if (Libc.Statx(handle, "", Libc.AT_EMPTY_PATH, Libc.STATX_INO, &status) != 0)
            {
                throw LinuxException.FromLastError($"stat network namespace {path}");
            }

            return new NetNamespace(handle, path, ((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Inode);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Opens the calling thread's namespace.</summary>
    public static NetNamespace OpenCurrent() => Open("/proc/thread-self/ns/net");

    /// <summary>
    /// Creates an empty namespace without a name; it is deleted with its contents when it is closed. Its loopback is down.
    /// </summary>
    /// <exception cref="LinuxException">
    /// The process lacks the privilege (EPERM), or the kernel does not support namespaces (EINVAL).
    /// </exception>
    public static NetNamespace CreateNameless()
    {
        NetNamespace? created = null;
        RunOnNewThread(() =>
        {
            if (Libc.Unshare(Libc.CLONE_NEWNET) != 0)
            {
                throw LinuxException.FromLastError("create a network namespace");
            }

            created = OpenCurrent();
        });
        return created!;
    }

    /// <summary>Opens /run/netns/NAME.</summary>
    /// <exception cref="LinuxException">There is no such namespace (ENOENT).</exception>
    public static NetNamespace OpenNamed(string name) => Open(NamedPath(name));

    /// <summary>True if both are the same namespace.</summary>
    public bool IsSameAs(NetNamespace other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Device == other.Device && Inode == other.Inode;
    }

    /// <summary>
    /// Runs synchronous code inside the namespace on a dedicated thread and waits for it. A socket created there belongs to the namespace
    /// and may be used from any thread afterwards.
    /// </summary>
    /// <exception cref="LinuxException">The namespace can't be entered; exceptions thrown by the code are passed on unchanged.</exception>
    public T Run<T>(Func<T> code)
    {
        ArgumentNullException.ThrowIfNull(code);
        T result = default!;
        RunOnNewThread(() =>
        {
            if (Libc.SetNamespace(Handle, Libc.CLONE_NEWNET) != 0)
            {
                throw LinuxException.FromLastError($"enter network namespace {Path}");
            }

            result = code();
        });
        return result;
    }

    /// <summary>Runs synchronous code inside the namespace as <see cref="Run{T}(Func{T})"/> does.</summary>
    public void Run(Action code)
    {
        ArgumentNullException.ThrowIfNull(code);
        _ = Run(() =>
        {
            code();
            return true;
        });
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    /// <inheritdoc/>
    public override string ToString() => $"{Path} (net:[{Inode}])";

    // setns and unshare change the calling thread only, and such a thread must never return to the pool.
    private static void RunOnNewThread(Action code)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                code();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = "netns",
        };
        thread.UnsafeStart();
        thread.Join();
        failure?.Throw();
    }
}
