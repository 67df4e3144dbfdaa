using ACCOffload.NativeInterop.Netlink;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Queueing disciplines.</content>
public sealed partial class RouteNetlink
{
    public partial void SetTokenBucket(int index, TokenBucket bucket)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        ArgumentOutOfRangeException.ThrowIfZero(bucket.Rate, nameof(bucket));
        ArgumentOutOfRangeException.ThrowIfZero(bucket.Burst, nameof(bucket));
        var operation = $"limit what link {index} sends to {bucket.Rate} bytes per second";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], TrafficControl.NewQdisc, NetlinkMessage.FlagCreate | NetlinkMessage.FlagReplace);
        writer.Body(new TrafficControl.Message { Index = index, Parent = TrafficControl.Root });
        writer.Text(TrafficControl.Kind, TrafficControl.TokenBucketKind);
        var options = writer.Begin(TrafficControl.Options);
        writer.Number(TrafficControl.TokenBucketParameters, new TrafficControl.TokenBucketOptions
        {
            // Of a link layer that it knows the kernel needs no table of rates.
            Rate = new TrafficControl.RateSpec { LinkLayer = TrafficControl.LinkLayerEthernet, Rate = (uint)Math.Min(bucket.Rate, uint.MaxValue) },
            Limit = bucket.Limit,
        });
        if (bucket.Rate > uint.MaxValue)
        {
            writer.Number(TrafficControl.TokenBucketRate64, bucket.Rate);
        }

        writer.Number(TrafficControl.TokenBucketBurst, bucket.Burst);
        writer.End(options);
        _connection.Execute(writer.Complete(operation), operation);
    }

    public partial ulong? GetTokenBucketRate(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"find the queueing discipline of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], TrafficControl.GetQdisc, 0);
        writer.Body(new TrafficControl.Message { Index = index });
        var found = _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out (int InterfaceIndex, ulong Rate) qdisc) =>
            QdiscCodec.Parse(message, out qdisc) && qdisc.InterfaceIndex == index);
        return found.Count == 0 ? null : found[0].Rate;
    }
}
