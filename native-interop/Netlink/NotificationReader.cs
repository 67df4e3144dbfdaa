using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>What a look at a subscription found.</summary>
internal enum Notification
{
    /// <summary>Nothing is there.</summary>
    None,
    /// <summary>One notification.</summary>
    Read,
    /// <summary>Some were lost or could not be understood: whoever listens reads everything anew.</summary>
    Lost,
}

/// <summary>Takes notifications from a subscription, never waiting.</summary>
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

    // Whoever missed something reads everything anew, so what can't be understood may be passed over.
    private Notification Lost()
    {
        _position = _length = 0;
        return Notification.Lost;
    }
}
