using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Queueing disciplines.</content>
public sealed partial class RouteNetlink
{
    /// <summary>
    /// Limits the send rate of a link: creates or changes the token bucket filter at its root, replacing any other. It is deleted with the
    /// link.
    /// </summary>
    /// <exception cref="NetlinkException">The kernel has no such filter (ENOENT), there is no such link (ENODEV), …</exception>
    public void SetTokenBucket(int index, TokenBucket bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentOutOfRangeException.ThrowIfZero(bucket.Rate, nameof(bucket));
        ArgumentOutOfRangeException.ThrowIfZero(bucket.Burst, nameof(bucket));
        var operation = $"limit the send rate of link {index} to {bucket.Rate} bytes per second";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], TrafficControl.RTM_NEWQDISC,
            NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_REPLACE);
        writer.Body(new TrafficControl.Message { Index = index, Parent = TrafficControl.TC_H_ROOT });
        writer.Text(TrafficControl.TCA_KIND, TrafficControl.TokenBucketKind);
        var options = writer.Begin(TrafficControl.TCA_OPTIONS);
        writer.Number(TrafficControl.TCA_TBF_PARMS, new TrafficControl.TokenBucketOptions
        {
            // The kernel needs no rate table for a known link layer.
            Rate = new TrafficControl.RateSpec
            {
                LinkLayer = TrafficControl.TC_LINKLAYER_ETHERNET,
                Rate = (uint)Math.Min(bucket.Rate, uint.MaxValue),
            },
            Limit = bucket.Limit,
        });
        if (bucket.Rate > uint.MaxValue)
        {
            writer.Number(TrafficControl.TCA_TBF_RATE64, bucket.Rate);
        }

        writer.Number(TrafficControl.TCA_TBF_BURST, bucket.Burst);
        writer.End(options);
        _connection.Execute(writer.Complete(operation), operation);
    }

    /// <summary>The rate of a link's token bucket filter in bytes per second.</summary>
    /// <returns>Null if there is none.</returns>
    public ulong? GetTokenBucketRate(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"find the queueing discipline of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], TrafficControl.RTM_GETQDISC, 0);
        writer.Body(new TrafficControl.Message { Index = index });
        var found = _connection.Dump(
            writer.Complete(operation), operation, (in NetlinkMessage message, out (int InterfaceIndex, ulong Rate) qdisc) =>
            QdiscCodec.Parse(message, out qdisc) && qdisc.InterfaceIndex == index);
        return found.Count == 0 ? null : found[0].Rate;
    }
}

/// <summary>A token bucket filter (tc-tbf(8)): limits the send rate of a link; packets that exceed the queue are dropped.</summary>
/// <param name="Rate">Bytes per second.</param>
/// <param name="Burst">Bytes that may be sent at once. Larger packets are never sent.</param>
/// <param name="Limit">Queue length in bytes.</param>
public readonly record struct TokenBucket(ulong Rate, uint Burst, uint Limit);
