using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.HostStub.Operations;

/// <summary>CHECK judges the host's side: the claim, the device, what the pod's namespace holds, and the delegated plugin; and the ACC where it can be asked.</summary>
internal sealed class CheckOperation(AgentServices services)
{
    private static readonly TimeSpan AccLimit = TimeSpan.FromSeconds(2);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { State: ClaimState.Attached } claim)
        {
            throw new CniException(CniErrorCode.UnknownContainer, $"container {call.Key.ContainerId} is not attached to {call.Key.Network} as {call.Key.InterfaceName}");
        }

        var mac = await services.OnDevicesAsync(() => CheckHost(call, claim));
        if (call.Config.IpamType.Length > 0)
        {
            call.AddErrorText((await services.Ipam.RunAsync("CHECK", call.ToIpam(claim.IpamResult))).ErrorText);
        }

        // There is no asking without stating: the same attachment once more. If the ACC had lost it, it is whole again now.
        // An unreachable ACC keeps forwarding and learns of the attachment from the next Sync. CHECK must not fail for it: a runtime would end the pod.
        var told = mac == claim.Mac ? await services.Acc.TryAttachAsync(claim, AccLimit) : await FollowMacAsync(claim, mac);
        if (!told)
        {
            call.AddErrorText($"host-stub: the ACC was not asked about {claim.Key}: {services.Acc.State.Reason}\n");
        }
    }

    // A plugin behind ours, such as tuning, gave the interface another MAC, and prevResult says so: until the ACC knows it, nothing passes.
    private async Task<bool> FollowMacAsync(Claim claim, MacAddress mac)
    {
        var (epoch, sequence) = services.Claims.NextSequence();
        var changed = claim with { Mac = mac, Epoch = epoch, Sequence = sequence };
        // In memory at once: where the ACC can't be reached the next Sync tells it. On a full disk the table writes it later.
        _ = services.Claims.PutAsync(changed);
        try
        {
            return await services.Acc.TryAttachAsync(changed, AccLimit);
        }
        catch (CniException e)
        {
            await services.Claims.PutAsync(claim);
            throw new CniException(CniErrorCode.Internal, $"interface {claim.Key.InterfaceName} has the MAC {mac}, which the ACC refuses", $"{e.OneLine}; it knows {claim.Mac}, so nothing passes");
        }
    }

    private MacAddress CheckHost(CniCall call, Claim claim)
    {
        using var pod = PodNetwork.Open(call.Environment.NetNs, call.Environment.InterfaceName, call.Environment.NetNsOverride);
        var kind = services.Pools.Find(claim.DeviceKind);
        var link = pod.Find();
        if (link is not null && link.Mac != claim.Mac && kind is { FollowsMac: false })
        {
            throw new CniException(CniErrorCode.Internal, $"interface {link.Name} has the MAC {link.Mac}, and the {claim.DeviceKind} was given {claim.Mac}",
                "nothing passes; a plugin behind this one must not change it: ask for a MAC by capabilities.mac");
        }
        if (kind?.Problem(link is null ? claim : claim with { Mac = link.Mac }) is { } problem)
        {
            throw new CniException(CniErrorCode.Internal, problem);
        }

        PodCheck.Check(pod, call.Config.PrevResult!, call.Environment.NetNs, claim);
        if (call.Config.Bandwidth is { } bandwidth && ReferenceEquals(kind, services.Veth) && services.Veth.RateProblem(claim.PortName, pod, link!.Index, bandwidth) is { } unlimited)
        {
            throw new CniException(CniErrorCode.Internal, unlimited);
        }

        return link?.Mac ?? claim.Mac;
    }
}
