using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;

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
/// every driver sends an event when a function's driver attaches.
/// </summary>
public sealed class DevlinkMonitor : NotificationMonitor<DevlinkEvent>
{
    internal DevlinkMonitor(INetlinkSubscription subscription)
        : base(subscription, subscription.Handle, "read devlink events", DevlinkCodec.ParseEvent,
            new DevlinkEvent(DevlinkEventKind.Lost, null, null))
    {
    }
}
