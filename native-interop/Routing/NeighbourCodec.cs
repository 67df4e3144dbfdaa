using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Reads RTM_NEWNEIGH.</summary>
internal static class NeighbourCodec
{
    private const string Malformed = "the kernel's description of a neighbour is malformed";

    public static bool Parse(in NetlinkMessage message, out Neighbour neighbour)
    {
        neighbour = null!;
        if (message.Type != Rtnetlink.NewNeighbour)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.NeighbourMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a neighbour", Malformed);
        }
        // NOARP entries are the kernel's own, for addresses that need no neighbour (multicast, loopback).
        if (body.Family is not (Libc.FamilyInet or Libc.FamilyInet6) || (body.State & Rtnetlink.NeighbourStateNoArp) != 0)
        {
            return false;
        }

        IPAddress? address = null;
        MacAddress? mac = null;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.NeighbourDestination:
                    address = attributes.Address(body.Family);
                    break;
                case Rtnetlink.NeighbourLinkAddress:
                    mac = attributes.Mac();
                    break;
            }
        }
        if (attributes.Failed || address is null || body.Index <= 0)
        {
            throw NetlinkException.Malformed("read a neighbour", Malformed);
        }

        neighbour = new Neighbour
        {
            InterfaceIndex = body.Index,
            Address = address,
            Mac = mac,
            Permanent = (body.State & Rtnetlink.NeighbourStatePermanent) != 0,
        };
        return true;
    }
}
