using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWNEIGH and RTM_DELNEIGH.</summary>
internal static class NeighborCodec
{
    /// <summary>Bits by which the flags of NDA_FLAGS_EXT are shifted in <see cref="NeighborFlags"/>.</summary>
    public const int ExtendedShift = 8;

    // The kernel reports times in ticks of 1/100 s (USER_HZ) on every architecture that this library supports.
    private const int MillisecondsPerTick = 10;
    private const string Malformed = "the kernel's description of a neighbour is malformed";

    public static bool Parse(in NetlinkMessage message, out NeighborEntry neighbor)
    {
        neighbor = null!;
        if (message.Type is not (Rtnetlink.RTM_NEWNEIGH or Rtnetlink.RTM_DELNEIGH))
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.NeighborMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a neighbour", Malformed);
        }

        // Bridges report the MAC addresses that they learned in messages of the same type.
        if (body.Family is not (Libc.AF_INET or Libc.AF_INET6))
        {
            return false;
        }

        IPAddress? address = null;
        MacAddress? mac = null;
        TimeSpan? confirmed = null;
        var flags = (NeighborFlags)body.Flags;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.NDA_DST:
                    address = attributes.Address(body.Family);
                    break;
                case Rtnetlink.NDA_LLADDR:
                    mac = attributes.Mac();
                    break;
                case Rtnetlink.NDA_CACHEINFO:
                    confirmed = TimeSpan.FromMilliseconds(
                        (double)attributes.Structure<Rtnetlink.NeighborTimes>().Confirmed * MillisecondsPerTick);
                    break;
                case Rtnetlink.NDA_FLAGS_EXT:
                    flags |= (NeighborFlags)((attributes.Number<uint>() & 0xFFFF) << ExtendedShift);
                    break;
            }
        }

        if (attributes.Failed || address is null || body.Index <= 0)
        {
            throw NetlinkException.Malformed("read a neighbour", Malformed);
        }

        neighbor = new NeighborEntry
        {
            InterfaceIndex = body.Index,
            Address = address,
            Mac = mac,
            State = (NeighborStates)body.State,
            Flags = flags,
            SinceConfirmed = confirmed,
        };
        return true;
    }
}
