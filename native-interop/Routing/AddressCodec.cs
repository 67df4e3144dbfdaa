using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Reads RTM_NEWADDR.</summary>
internal static class AddressCodec
{
    private const string Malformed = "the kernel's description of an address is malformed";

    public static bool Parse(in NetlinkMessage message, out InterfaceAddress address)
    {
        address = null!;
        if (message.Type != Rtnetlink.NewAddress)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.AddressMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read an address", Malformed);
        }

        if (body.Family is not (Libc.FamilyInet or Libc.FamilyInet6))
        {
            return false;
        }

        IPAddress? local = null;
        IPAddress? given = null;
        var flags = (uint)body.Flags;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.AddressLocal:
                    local = attributes.Address(body.Family);
                    break;
                case Rtnetlink.AddressAddress:
                    given = attributes.Address(body.Family);
                    break;
                case Rtnetlink.AddressFlags:
                    flags = attributes.Number<uint>();
                    break;
            }
        }
        // On a point-to-point link the local address is ours and the other one the peer's; IPv6 names only the one there is.
        if (attributes.Failed || (local ?? given) is not { } own || body.Index <= 0 || body.PrefixLength > 8 * AttributeReader.AddressLength(body.Family))
        {
            throw NetlinkException.Malformed("read an address", Malformed);
        }

        address = new InterfaceAddress
        {
            InterfaceIndex = body.Index,
            Address = own,
            PrefixLength = body.PrefixLength,
            Scope = (RouteScope)body.Scope,
            NoPrefixRoute = (flags & Rtnetlink.AddressFlagNoPrefixRoute) != 0,
            NoDuplicateDetection = (flags & Rtnetlink.AddressFlagNoDuplicateDetection) != 0,
        };
        return true;
    }
}
