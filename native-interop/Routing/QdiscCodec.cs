using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Reads RTM_NEWQDISC: the token bucket filter at a link's root.</summary>
internal static class QdiscCodec
{
    private const string Malformed = "the kernel's description of a queueing discipline is malformed";

    /// <summary>False for what is no token bucket filter, and not at the root.</summary>
    public static bool Parse(in NetlinkMessage message, out (int InterfaceIndex, ulong Rate) qdisc)
    {
        qdisc = default;
        if (message.Type != TrafficControl.NewQdisc)
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
            if (attributes.Type == TrafficControl.Kind)
            {
                kind = attributes.Text();
            }
            else if (attributes.Type == TrafficControl.Options && kind == TrafficControl.TokenBucketKind)
            {
                var options = attributes.Nested();
                while (options.MoveNext())
                {
                    // Rates from 2^32 on come in an attribute of their own, behind the other.
                    if (options.Type == TrafficControl.TokenBucketParameters)
                    {
                        rate = options.Structure<TrafficControl.TokenBucketOptions>().Rate.Rate;
                    }
                    else if (options.Type == TrafficControl.TokenBucketRate64)
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
        return kind == TrafficControl.TokenBucketKind && body.Parent == TrafficControl.Root;
    }
}
