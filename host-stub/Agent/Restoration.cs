using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>
/// Gives live pods their devices again where the target makes them, and made them anew because it was started anew: the same address, MAC, MTU and routes.
/// </summary>
internal sealed partial class Restoration(AgentServices services)
{
    private static readonly TimeSpan AttachLimit = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);

    /// <summary>Looks once; a failure is logged and tried again the next time.</summary>
    public async Task LookAsync()
    {
        foreach (var claim in services.Claims.All().Where(c => c.State == ClaimState.Attached && !c.IsHost && services.Pools.Find(c.DeviceKind) is { MadeByTarget: true }))
        {
            if (!services.Acc.State.Synced || !await services.OnDevicesAsync(() => PodDevices.IsBereft(claim)).ConfigureAwait(false))
                continue;
            using var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero).ConfigureAwait(false);
            if (holder is null || services.Claims.Get(claim.Key) is not { State: ClaimState.Attached } current)
                continue;
            try
            {
                await RestoreAsync(current).ConfigureAwait(false);
                LogRestored(claim.DeviceKind, claim.PortName, claim.Key);
            }
            catch (Exception e)
            {
                LogFailed(claim.PortName, claim.Key, e.Message);
            }
        }
    }

    private async Task RestoreAsync(Claim claim)
    {
        // The ACC may have removed what it was told to be gone; as a newer request it is made again, and the target makes the device.
        var (epoch, sequence) = services.Claims.NextSequence();
        claim = claim with { Epoch = epoch, Sequence = sequence, Vanished = false };
        await services.Claims.PutAsync(claim).ConfigureAwait(false);
        await services.Acc.AttachAsync(claim, DateTime.UtcNow + AttachLimit, CancellationToken.None).ConfigureAwait(false);
        await services.OnDevicesAsync(() => Plumb(claim)).ConfigureAwait(false);
    }

    private bool Plumb(Claim claim)
    {
        using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
        int index = services.Pools.Find(claim.DeviceKind)!.Create(PortRequest.Of(claim), pod);
        pod.Configure(index, claim.Addresses);
        pod.AddRoutes(index, claim.Routes);
        return true;
    }

    [LoggerMessage(LogLevel.Information, "The target made the {Kind} {Port} anew: {Key} has it again")]
    private partial void LogRestored(string kind, string port, AttachmentKey key);

    [LoggerMessage(LogLevel.Error, "The device {Port} of {Key} can't be restored, trying again: {Reason}")]
    private partial void LogFailed(string port, AttachmentKey key, string reason);
}
