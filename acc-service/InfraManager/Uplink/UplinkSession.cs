using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>The sockets in the exception interface's network namespace. They keep it alive even if its name is deleted.</summary>
internal sealed class UplinkSession : IDisposable
{
    private readonly string _path;

    private UplinkSession(string path)
    {
        _path = path;
        Namespace = NetNamespace.Open(path);
        try
        {
            Links = RouteNetlink.Open(Namespace);
            Changes = ChangeMonitor.Open(Namespace);
            Neighbors = NeighborMonitor.Open(Namespace);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public NetNamespace Namespace { get; }

    public RouteNetlink Links { get; } = null!;

    public ChangeMonitor Changes { get; } = null!;

    public NeighborMonitor Neighbors { get; } = null!;

    /// <exception cref="LinuxException">There is no such namespace, or it cannot be entered.</exception>
    public static UplinkSession Open(string path) => new(path);

    /// <summary>Whether the path still names the namespace of this session.</summary>
    /// <exception cref="LinuxException">It names no namespace, or cannot be opened.</exception>
    public bool IsCurrent()
    {
        using var now = NetNamespace.Open(_path);
        return now.IsSameAs(Namespace);
    }

    public void Dispose()
    {
        Neighbors?.Dispose();
        Changes?.Dispose();
        Links?.Dispose();
        Namespace.Dispose();
    }
}
