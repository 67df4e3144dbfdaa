using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Reads events from a netlink subscription. For one reader thread at a time.</summary>
/// <typeparam name="TEvent">An event; one of its values means that events were lost.</typeparam>
public abstract class NotificationMonitor<TEvent> : IDisposable
{
    private readonly INetlinkTransport _transport;
    private readonly NotificationReader _reader;
    private readonly MessageParser<TEvent> _parse;
    private readonly TEvent _lost;

    private protected NotificationMonitor(
        INetlinkTransport transport, FileDescriptor handle, string operation, MessageParser<TEvent> parse, TEvent lost)
    {
        _transport = transport;
        _reader = new NotificationReader(transport, operation);
        _parse = parse;
        _lost = lost;
        Handle = handle;
    }

    /// <summary>The socket; wait on it for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Reads the next event without blocking.</summary>
    /// <returns>False if there is none.</returns>
    /// <exception cref="LinuxException">The socket failed.</exception>
    public bool TryRead(out TEvent change)
    {
        var found = _reader.Read(_parse, out change);
        if (found == Notification.Lost)
        {
            change = _lost;
        }

        return found != Notification.None;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _transport.Dispose();
        GC.SuppressFinalize(this);
    }
}
