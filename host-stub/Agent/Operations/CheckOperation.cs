using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Agent.Operations;

/// <summary>CHECK judges the host's side: the claim, the device, what the pod's namespace holds, and the delegated plugin; and the ACC where it can be asked.</summary>
internal sealed class CheckOperation(AgentServices services)
{
    private static readonly TimeSpan AccLimit = TimeSpan.FromSeconds(2);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { State: ClaimState.Attached } claim)
            throw new CniException(CniErrorCode.UnknownContainer, $"container {call.Key.ContainerId} is not attached to {call.Key.Network} as {call.Key.InterfaceName}");
        await services.OnDevicesAsync(() => CheckHost(call, claim)).ConfigureAwait(false);
        if (call.Config.IpamType.Length > 0)
            call.AddErrorText((await services.Ipam.RunAsync("CHECK", call.ToIpam()).ConfigureAwait(false)).ErrorText);

        // There is no asking without stating: the same attachment once more. If the ACC had lost it, it is whole again now.
        // An ACC that is away forwards what it forwarded, and hears of the attachment by the next Sync: that is no fault of the pod, which a runtime would end for it.
        if (!await services.Acc.TryAttachAsync(claim, AccLimit).ConfigureAwait(false))
            call.AddErrorText($"host-stub: the ACC was not asked about {claim.Key}: {services.Acc.State.Reason}\n");
    }

    private bool CheckHost(CniCall call, Claim claim)
    {
        if (services.Pools.Find(claim.DeviceKind)?.Problem(claim) is { } problem)
            throw new CniException(CniErrorCode.Internal, problem);
        using var pod = PodNetwork.Open(call.Environment.NetNs, call.Environment.InterfaceName, call.Environment.NetNsOverride);
        PodCheck.Check(pod, call.Config.PrevResult!, call.Environment.NetNs);
        return true;
    }
}
