namespace ACCOffload.NativeInterop;

/// <content>Reading events.</content>
public sealed partial class LinkMonitor
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _position;
    private int _length;

    public partial bool TryRead(out LinkEvent linkEvent)
    {
        while (true)
        {
            while (_position < _length)
            {
                ReadOnlySpan<byte> rest = _buffer.AsSpan(_position, _length - _position);
                if (!NetlinkMessage.TryTake(ref rest, out var message))
                    return Lost(out linkEvent);
                _position = _length - rest.Length;
                try
                {
                    if (!LinkCodec.Parse(message, out var link))
                        continue;
                    linkEvent = new LinkEvent(message.Type == Rtnetlink.NewLink ? LinkEventKind.Changed : LinkEventKind.Removed, link);
                    return true;
                }
                catch (NetlinkException)
                {
                    return Lost(out linkEvent);
                }
            }
            _position = _length = 0;
            switch (_transport.Receive(_buffer, TimeSpan.Zero, out var length))
            {
                case Errno.None when length <= _buffer.Length:
                    _length = length;
                    break;
                case Errno.None or Errno.ENOBUFS:
                    return Lost(out linkEvent);
                case Errno.EAGAIN:
                    linkEvent = default;
                    return false;
                case var errno:
                    throw new NetlinkException("read link changes", errno);
            }
        }
    }

    // Whoever missed something reads all links again, so what can't be understood may be passed over.
    private bool Lost(out LinkEvent linkEvent)
    {
        _position = _length = 0;
        linkEvent = new LinkEvent(LinkEventKind.Lost, null);
        return true;
    }
}
