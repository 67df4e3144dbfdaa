using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <content>
/// A pod's bandwidth. Traffic to the pod is limited where the target sends it, at the data-plane end. Traffic from the pod is limited at
/// its own interface: at the data-plane end, the target's packet socket receives a packet before any filter. Both limits are deleted with
/// the pair.
/// </content>
internal sealed partial class VethKind
{
    // As in the reference plugin: beyond the burst, the queue holds as much as the rate sends in this time.
    private const ulong LatencyMilliseconds = 25;

    public void CheckBandwidth(CniBandwidth bandwidth, int mtu) => bandwidth.CheckBursts(mtu);

    public void LimitBandwidth(string portName, PodNetwork pod, int index, CniBandwidth bandwidth)
    {
        try
        {
            if (bandwidth.IngressRate > 0)
            {
                dataPlane.Use((_, links) =>
                {
                    var port = links.GetLink(portName)
                        ?? throw new LinuxException($"find {portName} in the data plane's namespace", Errno.ENODEV);
                    links.SetTokenBucket(port.Index, Bucket(bandwidth.IngressRate, bandwidth.IngressBurst));
                    return true;
                });
            }
            if (bandwidth.EgressRate > 0)
            {
                pod.Links.SetTokenBucket(index, Bucket(bandwidth.EgressRate, bandwidth.EgressBurst));
            }
        }
        catch (NetlinkException e) when (e.Errno is Errno.ENOENT or Errno.EOPNOTSUPP)
        {
            throw new CniException(
                CniErrorCode.UnsupportedField, $"{CniBandwidth.Field} needs the kernel's token bucket filter (sch_tbf)", e.Message);
        }
    }

    public string? BandwidthProblem(string portName, PodNetwork pod, int index, CniBandwidth bandwidth)
    {
        if (bandwidth.EgressRate > 0 && pod.Links.GetTokenBucketRate(index) is var egress && egress != bandwidth.EgressRate / 8)
        {
            return Differs("sends", egress, bandwidth.EgressRate);
        }

        if (bandwidth.IngressRate == 0)
        {
            return null;
        }

        var ingress = dataPlane.Use((_, links) => links.GetLink(portName) is { } port ? links.GetTokenBucketRate(port.Index) : null);
        return ingress == bandwidth.IngressRate / 8 ? null : Differs("receives", ingress, bandwidth.IngressRate);
    }

    private static string Differs(string verb, ulong? found, ulong wanted) =>
        $"what the pod {verb} is {(found is { } rate ? $"limited to {rate * 8} bits per second" : "not limited")}, not to the {wanted} "
            + $"of {CniBandwidth.Field}";

    private static TokenBucket Bucket(ulong bitsPerSecond, ulong burstBits)
    {
        ulong rate = bitsPerSecond / 8, burst = burstBits / 8;
        var waiting = rate / 1000 * LatencyMilliseconds;
        return new TokenBucket(rate, (uint)burst, (uint)Math.Min(waiting + burst, uint.MaxValue));
    }
}
