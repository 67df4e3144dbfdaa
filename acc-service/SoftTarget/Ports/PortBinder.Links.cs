using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.SoftTarget.Ports;

internal sealed partial class PortBinder
{
    private void ReadEvents()
    {
        while (_monitor is { } monitor && monitor.TryRead(out var change))
        {
            switch (change.Kind)
            {
                case LinkEventKind.Changed when change.Link is { } link:
                    OnLink(link);
                    break;
                case LinkEventKind.Removed when change.Link is { } link:
                    if (FindBound(link.Index) is { } gone)
                    {
                        Release(gone);
                    }

                    break;
                case LinkEventKind.Lost:
                    Resync();
                    break;
            }
        }
    }

    private void OnLink(LinkInfo link)
    {
        // A renamed link no longer belongs to its port.
        if (FindBound(link.Index) is { } current)
        {
            if (current.Name == link.Name)
            {
                return;
            }

            Release(current);
        }

        if (!_table.Ports.TryGetValue(link.Name, out var port) || port.IsTap)
        {
            return;
        }

        if (_bound.ContainsKey(port))
        {
            Release(port);
        }

        TryBind(port);
    }

    /// <summary>Compares all links with the ports after events were lost.</summary>
    private void Resync()
    {
        using var netlink = RouteNetlink.Open(_namespace);
        var links = netlink.GetLinks();
        var byIndex = links.ToDictionary(l => l.Index, l => l.Name);
        foreach (var (port, index) in _bound.ToList())
        {
            if (!port.IsTap && byIndex.GetValueOrDefault(index) != port.Name)
            {
                Release(port);
            }
        }

        foreach (var link in links)
        {
            OnLink(link);
        }
    }

    private void TryBind(SoftPort port)
    {
        if (_monitor is null || _bound.ContainsKey(port) || !IsCurrent(port))
        {
            return;
        }

        PacketPort link;
        try
        {
            link = port.IsTap ? OpenTap(port) : PacketPort.Open(_namespace, port.Name, new PacketPortOptions { DisableOffloads = true });
        }
        catch (LinuxException e)
        {
            // A missing link triggers an event when it appears; retry after any other error.
            port.Fault = port.IsTap || e.Errno is not (Errno.ENODEV or Errno.ENXIO) ? e.Message : "";
            if (port.Fault.Length > 0)
            {
                Problem(e.Message);
            }

            return;
        }

        port.Fault = "";
        _bound.Add(port, port.IsTap ? TapIndex : link.InterfaceIndex);
        _dataPlane.Bind(port, link);
        LogBound(_logger, port.Name, port.Id, link.InterfaceIndex);
    }

    private PacketPort OpenTap(SoftPort port)
    {
        var tap = PacketPort.OpenTap(_namespace, port.Name);
        try
        {
            // Without a link-local address, the kernel sends no packets from the TAP before it is in the pod.
            using var links = RouteNetlink.Open(_namespace);
            links.SetIPv6AddrGenModeNone(tap.InterfaceIndex);
            return tap;
        }
        catch (NetlinkException e) when (e.Errno == Errno.ENODEV)
        {
            // The agent may already have moved it.
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }

    /// <summary>Retries ports that could not be opened, such as a TAP whose name was in use.</summary>
    private void RetryPorts()
    {
        foreach (var port in _table.Ports.Values)
        {
            if (port.IsTap || port.Fault.Length > 0)
            {
                TryBind(port);
            }
        }
    }

    private void Release(SoftPort port)
    {
        if (!_bound.Remove(port))
        {
            return;
        }

        _dataPlane.Unbind(port);
        LogReleased(_logger, port.Name, port.Id);
    }

    private void OnLost(SoftPort port)
    {
        Release(port);
        TryBind(port);
    }

    private bool IsCurrent(SoftPort port) => _table.Ports.TryGetValue(port.Name, out var now) && now == port;

    private SoftPort? FindBound(int index)
    {
        foreach (var (port, bound) in _bound)
        {
            if (bound == index && !port.IsTap)
            {
                return port;
            }
        }

        return null;
    }

    [LoggerMessage(30, LogLevel.Information, "Port {Port} ({Id}) bound to link {Index}")]
    private static partial void LogBound(ILogger logger, string port, uint id, int index);

    [LoggerMessage(31, LogLevel.Information, "Port {Port} ({Id}) lost its link")]
    private static partial void LogReleased(ILogger logger, string port, uint id);

    [LoggerMessage(32, LogLevel.Information, "Port namespace {Path} opened")]
    private static partial void LogNamespaceOpen(ILogger logger, string path);

    [LoggerMessage(33, LogLevel.Warning, "Port namespace {Path} is gone; waiting for it")]
    private static partial void LogNamespaceGone(ILogger logger, string path);

    [LoggerMessage(34, LogLevel.Warning, "Ports: {Problem}; retrying")]
    private static partial void LogProblem(ILogger logger, string problem);
}
