using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// The namespace of the data-plane ends. It is separate so that no IP stack of the host answers instead of the pipeline. It is created if
/// it does not exist, and opened again if another program recreated it.
/// </summary>
internal sealed class DataPlaneNamespace(string path) : IDisposable
{
    private readonly Lock _lock = new();
    private NetNamespace? _namespace;
    private RouteNetlink? _links;

    public string Path => path;

    /// <summary>Runs code with the namespace and a netlink socket in it, one caller at a time.</summary>
    public T Use<T>(Func<NetNamespace, RouteNetlink, T> code)
    {
        lock (_lock)
        {
            Open();
            return code(_namespace!, _links!);
        }
    }

    /// <summary>Opens a separate netlink socket in the namespace.</summary>
    public RouteNetlink OpenLinks()
    {
        lock (_lock)
        {
            Open();
            return RouteNetlink.Open(_namespace);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            Close();
        }
    }

    private void Open()
    {
        var current = OpenFile();
        if (_namespace is { } known && known.IsSameAs(current))
        {
            current.Dispose();
            return;
        }
        Close();
        _namespace = current;
        _links = RouteNetlink.Open(current);
    }

    private NetNamespace OpenFile()
    {
        try
        {
            return NetNamespace.Open(path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTTY or Errno.EINVAL)
        {
            // EINVAL, ENOTTY: a plain file, left by a crash between creating and mounting.
            return Create(replace: e.Errno != Errno.ENOENT);
        }
    }

    private NetNamespace Create(bool replace)
    {
        var name = System.IO.Path.GetFileName(path);
        try
        {
            if (replace)
            {
                NetNamespace.DeleteNamed(name);
            }

            return NetNamespace.OpenOrCreateNamed(name);
        }
        catch (LinuxException e) when (e.Errno is Errno.EPERM or Errno.EACCES)
        {
            // The unit's sandbox refuses the mount, and other processes would not see one made inside it.
            throw new LinuxException(
                $"{e.Operation}, which host-stub-ports.service does outside of the agent's sandbox (restart it, or run 'host-stub "
                    + "prepare')",
                e.Errno);
        }
    }

    private void Close()
    {
        _links?.Dispose();
        _namespace?.Dispose();
        _links = null;
        _namespace = null;
    }
}
