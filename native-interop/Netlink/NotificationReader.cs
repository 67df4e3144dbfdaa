using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Result of reading a subscription.</summary>
internal enum Notification
{
    /// <summary>No notification is pending.</summary>
    None,
    /// <summary>One notification.</summary>
    Read,
    /// <summary>Notifications were lost or malformed: the subscriber has to read the full state again.</summary>
    Lost,
}

/// <summary>Reads notifications from a subscription without blocking.</summary>
internal sealed class NotificationReader(INetlinkTransport transport, string operation)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _position;
    private int _length;

    public Notification Read<T>(MessageParser<T> parse, out T value)
    {
        value = default!;
        while (true)
        {
            while (_position < _length)
            {
                ReadOnlySpan<byte> rest = _buffer.AsSpan(_position, _length - _position);
                if (!NetlinkMessage.TryTake(ref rest, out var message))
                {
                    return Lost();
                }

                _position = _length - rest.Length;
                try
                {
                    if (parse(message, out value))
                    {
                        return Notification.Read;
                    }
                }
                catch (NetlinkException)
                {
                    return Lost();
                }
            }
            _position = _length = 0;
            switch (transport.Receive(_buffer, TimeSpan.Zero, out var length))
            {
                case Errno.None when length <= _buffer.Length:
                    _length = length;
                    break;
                case Errno.None or Errno.ENOBUFS:
                    return Lost();
                case Errno.EAGAIN:
                    return Notification.None;
                case var errno:
                    throw new NetlinkException(operation, errno);
            }
        }
    }

    // The subscriber reads the full state now, so the rest of the datagram can be discarded.
    private Notification Lost()
    {
        _position = _length = 0;
        return Notification.Lost;
    }
}
