using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Reads RTM_NEWLINK and RTM_DELLINK.</summary>
internal static class LinkCodec
{
    private const string Malformed = "the kernel's description of a link is malformed";

    public static bool Parse(in NetlinkMessage message, out LinkInfo link)
    {
        link = null!;
        if (message.Type is not (Rtnetlink.NewLink or Rtnetlink.DeleteLink))
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.LinkMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a link", Malformed);
        }
        // A bridge tells of its ports as links of its own family; those are no links that come and go.
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
                case Rtnetlink.LinkName:
                    name = attributes.Text();
                    break;
                case Rtnetlink.LinkAddress:
                    mac = attributes.Mac() ?? default;
                    break;
                case Rtnetlink.LinkMtu:
                    mtu = attributes.Number<uint>();
                    break;
                case Rtnetlink.LinkLink:
                    peer = attributes.Number<int>();
                    break;
                case Rtnetlink.LinkAlias:
                    alias = attributes.Text();
                    break;
                case Rtnetlink.LinkPeerNamespaceId:
                    peerNamespace = attributes.Number<int>();
                    break;
                case Rtnetlink.LinkPermanentAddress:
                    permanent = attributes.Mac();
                    break;
                case Rtnetlink.LinkPhysPortName:
                    portName = attributes.Text() is { Length: > 0 } text ? text : null;
                    break;
                case Rtnetlink.LinkPhysSwitchId:
                    switchId = Convert.ToHexStringLower(attributes.Value);
                    break;
                case Rtnetlink.LinkParentDevice:
                    parent = attributes.Text();
                    break;
                case Rtnetlink.LinkParentBus:
                    parentBus = attributes.Text();
                    break;
                case Rtnetlink.LinkInfoNest:
                    var info = attributes.Nested();
                    while (info.MoveNext())
                    {
                        if (info.Type == Rtnetlink.LinkInfoKind)
                        {
                            kind = info.Text();
                        }
                    }
                    attributes.Absorb(info);
                    break;
                case Rtnetlink.LinkProperties:
                    var properties = attributes.Nested();
                    while (properties.MoveNext())
                    {
                        if (properties.Type == Rtnetlink.LinkAlternativeName)
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
            IsUp = (body.Flags & Rtnetlink.LinkFlagUp) != 0,
            HasCarrier = (body.Flags & Rtnetlink.LinkFlagLowerUp) != 0,
            IsRunning = (body.Flags & Rtnetlink.LinkFlagRunning) != 0,
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
