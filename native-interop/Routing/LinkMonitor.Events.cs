using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Reading events.</content>
public sealed partial class LinkMonitor
{
    private readonly NotificationReader _reader;

    public partial bool TryRead(out LinkEvent linkEvent)
    {
        var found = _reader.Read(Parse, out linkEvent);
        if (found == Notification.Lost)
        {
            linkEvent = new LinkEvent(LinkEventKind.Lost, null);
        }

        return found != Notification.None;
    }

    private static bool Parse(in NetlinkMessage message, out LinkEvent linkEvent)
    {
        linkEvent = default;
        if (!LinkCodec.Parse(message, out var link))
        {
            return false;
        }

        linkEvent = new LinkEvent(message.Type == Rtnetlink.NewLink ? LinkEventKind.Changed : LinkEventKind.Removed, link);
        return true;
    }
}
