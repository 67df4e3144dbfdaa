using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// The namespace that holds the data-plane ends. No IP stack of the host may answer beside the pipeline, so it is one of its
/// own; it is made when it is not there, and opened anew when somebody else made it anew.
/// </summary>
internal sealed class DataPlaneNamespace(string path) : IDisposable
{
    private readonly Lock _lock = new();
    private NetNamespace? _namespace;
    private RouteNetlink? _links;

    /// <summary>Runs code with the namespace and a netlink socket in it, one caller at a time.</summary>
    public T Use<T>(Func<NetNamespace, RouteNetlink, T> code)
    {
        lock (_lock)
        {
            Open();
            return code(_namespace!, _links!);
        }
    }

    /// <summary>A netlink socket of the caller's own in the namespace.</summary>
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
            // EINVAL, ENOTTY: a plain file, which is what a crash between creating and mounting leaves.
            return Create(replace: e.Errno != Errno.ENOENT);
        }
    }

    private NetNamespace Create(bool replace)
    {
        try
        {
            if (replace)
            {
                NetNamespace.DeleteNamed(Path.GetFileName(path));
            }

            return NetNamespace.OpenOrCreateNamed(Path.GetFileName(path));
        }
        catch (LinuxException e) when (e.Errno is Errno.EPERM or Errno.EACCES)
        {
            // In a unit's sandbox a mount is refused, and one made there nobody else would see.
            throw new LinuxException($"{e.Operation}, which host-stub-ports.service does outside of the agent's sandbox (restart it, or run 'host-stub prepare')", e.Errno);
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
