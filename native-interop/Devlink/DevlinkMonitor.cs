using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>What happened.</summary>
public enum DevlinkEventKind
{
    /// <summary>A device appeared or something about it changed.</summary>
    DeviceChanged,
    /// <summary>A device went.</summary>
    DeviceRemoved,
    /// <summary>A port appeared or something about it or its function changed.</summary>
    PortChanged,
    /// <summary>A port went.</summary>
    PortRemoved,
    /// <summary>Events were lost; read devices and ports anew.</summary>
    Lost,
}

/// <summary>One event.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Device">The device; null for <see cref="DevlinkEventKind.Lost"/>.</param>
/// <param name="Port">The port as it is, or was; null unless the event is one port's.</param>
public readonly record struct DevlinkEvent(DevlinkEventKind Kind, DevlinkHandle? Device, DevlinkPort? Port);

/// <summary>
/// Tells which devlink devices and ports appear, change and go (group "config"). Open it, then list, then read the events: so none is missed. Not every
/// driver tells when a function's own driver attaches to it. One thread at a time reads.
/// </summary>
public sealed class DevlinkMonitor : IDisposable
{
    private readonly INetlinkSubscription _subscription;
    private readonly NotificationReader _reader;

    internal DevlinkMonitor(INetlinkSubscription subscription)
    {
        _subscription = subscription;
        _reader = new NotificationReader(subscription, "read devlink changes");
    }

    /// <summary>The socket, to watch for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle => _subscription.Handle;

    /// <summary>Takes the next event and never waits.</summary>
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
