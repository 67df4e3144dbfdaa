using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <content>
/// A pod's bandwidth. What the pod gets is limited where the target sends it, at the data-plane end. What the pod sends is limited at its own interface: at the
/// data-plane end the target's packet socket has a packet before any filter there. Both limits go with the pair.
/// </content>
internal sealed partial class VethKind
{
    // As the reference plugin has it: beside the burst, this much of the rate may wait.
    private const ulong LatencyMilliseconds = 25;

    /// <exception cref="CniException">Error 2: the kernel can't.</exception>
    public void LimitRates(string portName, PodNetwork pod, int index, CniBandwidth bandwidth)
    {
        try
        {
            if (bandwidth.IngressRate > 0)
            {
                dataPlane.Use((_, links) =>
                {
                    var port = links.GetLink(portName) ?? throw new LinuxException($"find {portName} in the data plane's namespace", Errno.ENODEV);
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
            throw new CniException(CniErrorCode.UnsupportedField, $"{CniBandwidth.Field} needs the kernel's token bucket filter (sch_tbf)", e.Message);
        }
    }

    /// <summary>What is wrong with the limits; null: nothing.</summary>
    public string? RateProblem(string portName, PodNetwork pod, int index, CniBandwidth bandwidth)
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
        $"what the pod {verb} is {(found is { } rate ? $"limited to {rate * 8} bits per second" : "not limited")}, not to the {wanted} of {CniBandwidth.Field}";

    private static TokenBucket Bucket(ulong bitsPerSecond, ulong burstBits)
    {
        ulong rate = bitsPerSecond / 8, burst = burstBits / 8;
        var waiting = rate / 1000 * LatencyMilliseconds;
        return new TokenBucket(rate, (uint)burst, (uint)Math.Min(waiting + burst, uint.MaxValue));
    }
}
