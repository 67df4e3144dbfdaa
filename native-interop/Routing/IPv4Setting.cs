namespace ACCOffload.NativeInterop.Routing;

/// <summary>A link's IPv4 setting, by its number in IFLA_INET_CONF (IPV4_DEVCONF_* of linux/ip.h; ip-sysctl describes them).</summary>
public enum IPv4Setting
{
    /// <summary>Forward packets that arrive on the link.</summary>
    Forwarding = 1,
    /// <summary>Follow ICMP redirects.</summary>
    AcceptRedirects = 4,
    /// <summary>Send ICMP redirects; the setting of the whole namespace has to be off, too.</summary>
    SendRedirects = 6,
    /// <summary>Check that the way back to a packet's source leads through the link: 0 no, 1 strictly, 2 through any link.</summary>
    RpFilter = 8,
    /// <summary>Which of the machine's addresses is the source of ARP requests; 2: the best one on the link.</summary>
    ArpAnnounce = 18,
    /// <summary>For which of the machine's addresses ARP is answered; 1: those on the link.</summary>
    ArpIgnore = 19,
    /// <summary>Accept packets whose source is one of the machine's own addresses.</summary>
    AcceptLocal = 23,
}
