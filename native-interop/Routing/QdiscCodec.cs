using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWQDISC: the token bucket filter at a link's root.</summary>
internal static class QdiscCodec
{
    private const string Malformed = "the kernel's description of a queueing discipline is malformed";

    /// <summary>False for anything but a token bucket filter at the root.</summary>
    public static bool Parse(in NetlinkMessage message, out (int InterfaceIndex, ulong Rate) qdisc)
    {
        qdisc = default;
        if (message.Type != TrafficControl.RTM_NEWQDISC)
        {
            return false;
        }

        if (!message.TryRead<TrafficControl.Message>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a queueing discipline", Malformed);
        }

        string? kind = null;
        ulong rate = 0;
        while (attributes.MoveNext())
        {
            if (attributes.Type == TrafficControl.TCA_KIND)
            {
                kind = attributes.Text();
            }
            else if (attributes.Type == TrafficControl.TCA_OPTIONS && kind == TrafficControl.TokenBucketKind)
            {
                var options = attributes.Nested();
                while (options.MoveNext())
                {
                    // Rates of 2^32 and above have their own attribute, which follows the other.
                    if (options.Type == TrafficControl.TCA_TBF_PARMS)
                    {
                        rate = options.Structure<TrafficControl.TokenBucketOptions>().Rate.Rate;
                    }
                    else if (options.Type == TrafficControl.TCA_TBF_RATE64)
                    {
                        rate = options.Number<ulong>();
                    }
                }
                attributes.Absorb(options);
            }
        }
        if (attributes.Failed || body.Index <= 0)
        {
            throw NetlinkException.Malformed("read a queueing discipline", Malformed);
        }

        qdisc = (body.Index, rate);
        return kind == TrafficControl.TokenBucketKind && body.Parent == TrafficControl.TC_H_ROOT;
    }
}
