using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// CHECK verifies the host's side: the claim, the device, the pod's namespace, and the delegated plugin. It also verifies the ACC's side if
/// the ACC can be reached.
/// </summary>
internal sealed class CheckOperation(AgentServices services)
{
    private static readonly TimeSpan AccLimit = TimeSpan.FromSeconds(2);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { State: ClaimState.Attached } claim)
        {
            throw new CniException(
                CniErrorCode.UnknownContainer,
                $"container {call.Key.ContainerId} is not attached to {call.Key.Network} as {call.Key.InterfaceName}");
        }

        var mac = await services.RunOnHostAsync(() => CheckHost(call, claim));
        if (call.Config.IpamType.Length > 0)
        {
            call.AddErrorText((await services.Ipam.RunAsync("CHECK", call.ToIpam(claim.IpamResult))).ErrorText);
        }

        // The only way to ask the ACC is to state the same attachment again, which also repairs it if the ACC has lost it. An unreachable
        // ACC keeps forwarding, and gets the attachment with the next Sync. CHECK must not fail because of it: the runtime would kill the
        // pod.
        var confirmed = mac == claim.Mac ? await services.Acc.TryAttachAsync(claim, AccLimit) : await FollowMacAsync(claim, mac);
        if (!confirmed)
        {
            call.AddErrorText($"host-stub: the ACC did not confirm {claim.Key}: {services.Acc.State.Reason}\n");
        }
    }

    // A plugin later in the chain, such as tuning, changed the MAC, as prevResult shows. No packet passes until the ACC knows the new MAC.
    private async Task<bool> FollowMacAsync(Claim claim, MacAddress mac)
    {
        var (epoch, sequence) = services.Claims.NextSequence();
        var changed = claim with { Mac = mac, Epoch = epoch, Sequence = sequence };
        // The change is in memory at once: if the ACC can't be reached, the next Sync states it. If the disk is full, the table writes it
        // later.
        _ = services.Claims.PutAsync(changed);
        try
        {
            return await services.Acc.TryAttachAsync(changed, AccLimit);
        }
        catch (CniException e)
        {
            await services.Claims.PutAsync(claim);
            throw new CniException(
                CniErrorCode.Internal,
                $"interface {claim.Key.InterfaceName} has the MAC {mac}, which the ACC refuses",
                $"{e.OneLine}; it has {claim.Mac}, so no packet passes");
        }
    }

    private MacAddress CheckHost(CniCall call, Claim claim)
    {
        using var pod = PodNetwork.Open(call.Environment.NetNs, call.Environment.InterfaceName, call.Environment.NetNsOverride);
        var kind = services.Pools.Find(claim.DeviceKind);
        var link = pod.Find();
        if (link is not null && link.Mac != claim.Mac)
        {
            kind?.CheckChangedMac(claim, link);
        }

        if (kind?.Problem(link is null ? claim : claim with { Mac = link.Mac }) is { } problem)
        {
            throw new CniException(CniErrorCode.Internal, problem);
        }

        PodCheck.Check(pod, call.Config.PrevResult!, call.Environment.NetNs, claim);
        if (call.Config.Bandwidth is { } bandwidth && kind?.BandwidthProblem(claim.PortName, pod, link!.Index, bandwidth) is { } unlimited)
        {
            throw new CniException(CniErrorCode.Internal, unlimited);
        }

        return link?.Mac ?? claim.Mac;
    }
}
