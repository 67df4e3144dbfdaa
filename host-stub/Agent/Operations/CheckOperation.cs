using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Agent.Operations;

/// <summary>CHECK: the claim, the device, what the pod's namespace holds, the delegated plugin, and the ACC.</summary>
internal sealed class CheckOperation(AgentServices services)
{
    private static readonly TimeSpan AccPatience = TimeSpan.FromSeconds(5);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task RunAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { State: ClaimState.Attached } claim)
            throw new CniException(CniErrorCode.UnknownContainer, $"container {call.Key.ContainerId} is not attached to {call.Key.Network} as {call.Key.InterfaceName}");
        await services.OnDevicesAsync(() => CheckHost(call, claim)).ConfigureAwait(false);
        if (call.Config.IpamType.Length > 0)
            call.AddErrorText((await services.Ipam.RunAsync("CHECK", call.ToIpam()).ConfigureAwait(false)).ErrorText);

        // There is no asking without stating: the same attachment once more. If the ACC had lost it, it is whole again now.
        await services.Acc.AttachAsync(claim, DateTime.UtcNow + AccPatience, CancellationToken.None).ConfigureAwait(false);
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
