using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWLINK and RTM_DELLINK.</summary>
internal static class LinkCodec
{
    private const string Malformed = "the kernel's description of a link is malformed";

    public static bool Parse(in NetlinkMessage message, out LinkInfo link)
    {
        link = null!;
        if (message.Type is not (Rtnetlink.RTM_NEWLINK or Rtnetlink.RTM_DELLINK))
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.LinkMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a link", Malformed);
        }
        // A bridge reports its ports as links of family AF_BRIDGE; those are not link events.
        if (body.Family != 0)
        {
            return false;
        }

        string? name = null;
        string? alias = null;
        string? kind = null;
        var mac = default(MacAddress);
        var mtu = 0u;
        var peer = 0;
        int? peerNamespace = null;
        List<string>? alternativeNames = null;
        MacAddress? permanent = null;
        string? portName = null;
        string? switchId = null;
        string? parent = null;
        string? parentBus = null;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.IFLA_IFNAME:
                    name = attributes.Text();
                    break;
                case Rtnetlink.IFLA_ADDRESS:
                    mac = attributes.Mac() ?? default;
                    break;
                case Rtnetlink.IFLA_MTU:
                    mtu = attributes.Number<uint>();
                    break;
                case Rtnetlink.IFLA_LINK:
                    peer = attributes.Number<int>();
                    break;
                case Rtnetlink.IFLA_IFALIAS:
                    alias = attributes.Text();
                    break;
                case Rtnetlink.IFLA_LINK_NETNSID:
                    peerNamespace = attributes.Number<int>();
                    break;
                case Rtnetlink.IFLA_PERM_ADDRESS:
                    permanent = attributes.Mac();
                    break;
                case Rtnetlink.IFLA_PHYS_PORT_NAME:
                    portName = attributes.Text() is { Length: > 0 } text ? text : null;
                    break;
                case Rtnetlink.IFLA_PHYS_SWITCH_ID:
                    switchId = Convert.ToHexStringLower(attributes.Value);
                    break;
                case Rtnetlink.IFLA_PARENT_DEV_NAME:
                    parent = attributes.Text();
                    break;
                case Rtnetlink.IFLA_PARENT_DEV_BUS_NAME:
                    parentBus = attributes.Text();
                    break;
                case Rtnetlink.IFLA_LINKINFO:
                    var info = attributes.Nested();
                    while (info.MoveNext())
                    {
                        if (info.Type == Rtnetlink.IFLA_INFO_KIND)
                        {
                            kind = info.Text();
                        }
                    }
                    attributes.Absorb(info);
                    break;
                case Rtnetlink.IFLA_PROP_LIST:
                    var properties = attributes.Nested();
                    while (properties.MoveNext())
                    {
                        if (properties.Type == Rtnetlink.IFLA_ALT_IFNAME)
                        {
                            (alternativeNames ??= []).Add(properties.Text());
                        }
                    }
                    attributes.Absorb(properties);
                    break;
            }
        }
        if (attributes.Failed || string.IsNullOrEmpty(name) || body.Index <= 0)
        {
            throw NetlinkException.Malformed("read a link", Malformed);
        }

        link = new LinkInfo
        {
            Index = body.Index,
            Name = name,
            Mac = mac,
            Mtu = (int)Math.Min(mtu, int.MaxValue),
            IsUp = (body.Flags & Rtnetlink.IFF_UP) != 0,
            HasCarrier = (body.Flags & Rtnetlink.IFF_LOWER_UP) != 0,
            IsRunning = (body.Flags & Rtnetlink.IFF_RUNNING) != 0,
            Kind = kind,
            PeerIndex = peer,
            PeerNamespaceId = peerNamespace,
            Alias = alias,
            AlternativeNames = alternativeNames ?? (IReadOnlyList<string>)[],
            PermanentMac = permanent,
            PhysPortName = portName,
            PhysSwitchId = switchId,
            ParentDevice = parent,
            ParentBus = parentBus,
        };
        return true;
    }
}
