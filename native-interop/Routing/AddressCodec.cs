using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWADDR.</summary>
internal static class AddressCodec
{
    private const string Malformed = "the kernel's description of an address is malformed";

    public static bool Parse(in NetlinkMessage message, out InterfaceAddress address)
    {
        address = null!;
        if (message.Type != Rtnetlink.RTM_NEWADDR)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.AddressMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read an address", Malformed);
        }

        if (body.Family is not (Libc.AF_INET or Libc.AF_INET6))
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
                case Rtnetlink.IFA_LOCAL:
                    local = attributes.Address(body.Family);
                    break;
                case Rtnetlink.IFA_ADDRESS:
                    given = attributes.Address(body.Family);
                    break;
                case Rtnetlink.IFA_FLAGS:
                    flags = attributes.Number<uint>();
                    break;
            }
        }
        // On a point-to-point link IFA_LOCAL is our address and IFA_ADDRESS the peer's; IPv6 sends IFA_ADDRESS only.
        if (attributes.Failed || (local ?? given) is not { } own || body.Index <= 0
            || body.PrefixLength > 8 * AttributeReader.AddressLength(body.Family))
        {
            throw NetlinkException.Malformed("read an address", Malformed);
        }

        address = new InterfaceAddress
        {
            InterfaceIndex = body.Index,
            Address = own,
            PrefixLength = body.PrefixLength,
            Scope = (RouteScope)body.Scope,
            NoPrefixRoute = (flags & Rtnetlink.IFA_F_NOPREFIXROUTE) != 0,
            NoDuplicateDetection = (flags & Rtnetlink.IFA_F_NODAD) != 0,
        };
        return true;
    }
}
