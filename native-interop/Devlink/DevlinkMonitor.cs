using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Kind of a devlink event.</summary>
public enum DevlinkEventKind
{
    /// <summary>A device was added or changed.</summary>
    DeviceChanged,
    /// <summary>A device was removed.</summary>
    DeviceRemoved,
    /// <summary>A port was added, or it or its function changed.</summary>
    PortChanged,
    /// <summary>A port was removed.</summary>
    PortRemoved,
    /// <summary>Events were lost; read all devices and ports again.</summary>
    Lost,
}

/// <summary>One event.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Device">The device; null for <see cref="DevlinkEventKind.Lost"/>.</param>
/// <param name="Port">The current or, if removed, last state of the port; null if the event is not about a port.</param>
public readonly record struct DevlinkEvent(DevlinkEventKind Kind, DevlinkHandle? Device, DevlinkPort? Port);

/// <summary>
/// Devlink device and port notifications (group "config"). Open the monitor first, then list, then read events, so that none is missed. Not
/// every driver sends an event when a function's driver attaches. For one reader thread at a time.
/// </summary>
public sealed class DevlinkMonitor : IDisposable
{
    private readonly INetlinkSubscription _subscription;
    private readonly NotificationReader _reader;

    internal DevlinkMonitor(INetlinkSubscription subscription)
    {
        _subscription = subscription;
        _reader = new NotificationReader(subscription, "read devlink events");
    }

    /// <summary>The socket; wait on it for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle => _subscription.Handle;

    /// <summary>Reads the next event without blocking.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryRead(out DevlinkEvent change)
    {
        var found = _reader.Read(DevlinkCodec.ParseEvent, out change);
        if (found == Notification.Lost)
        {
            change = new DevlinkEvent(DevlinkEventKind.Lost, null, null);
        }

        return found != Notification.None;
    }

    /// <inheritdoc/>
    public void Dispose() => _subscription.Dispose();
}
