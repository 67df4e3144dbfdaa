using System.Net;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Gives live pods their devices again: the same address, MAC, MTU and routes. The target was started anew and made them anew, or they went with the
/// hardware that was reset, and came back with it.
/// </summary>
internal sealed partial class Restoration(AgentServices services)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Device);

    /// <summary>Looks once; a failure is logged and tried again the next time.</summary>
    public async Task LookAsync()
    {
        foreach (var claim in services.Claims.All().Where(c => c.State == ClaimState.Attached && !c.IsHost && !c.PodGone && !ReferenceEquals(services.Pools.Find(c.DeviceKind), services.Veth)))
        {
            if (!services.Acc.State.Synced || !await services.OnDevicesAsync(() => PodDevices.IsBereft(claim) && services.Pools.Find(claim.DeviceKind) is { } kind && kind.CanRestore(claim)))
            {
                continue;
            }

            using var holder = await services.Locks.AcquireAsync(claim.Key, TimeSpan.Zero);
            if (holder is null || services.Claims.Get(claim.Key) is not { State: ClaimState.Attached } current)
            {
                continue;
            }

            try
            {
                await RestoreAsync(current);
                LogRestored(claim.DeviceKind, claim.Device.Length > 0 ? claim.Device : claim.PortName, claim.Key);
            }
            catch (Exception e)
            {
                LogFailed(claim.PortName, claim.Key, e is CniException cni ? cni.OneLine : e.Message);
            }
        }
    }

    private async Task RestoreAsync(Claim claim)
    {
        // The ACC may have removed what it was told to be gone; as a newer request it is made again, and the target makes the device.
        var (epoch, sequence) = services.Claims.NextSequence();
        claim = claim with { Epoch = epoch, Sequence = sequence, Vanished = false };
        await services.Claims.PutAsync(claim);
        (claim, var reply) = await services.AttachAsync(claim);
        var index = await services.OnDevicesAsync(() => Plumb(claim));
        if (claim.SourceTable != 0)
        {
            await RestoreSourceRoutingAsync(claim, index, PodRoutes.Gateways(reply));
        }
    }

    // The interface may have another index now, and so another table.
    private async Task RestoreSourceRoutingAsync(Claim claim, int index, IReadOnlyList<IPAddress> gateways)
    {
        await services.OnDevicesAsync(() =>
        {
            SourceRouting.Remove(claim);
            return true;
        });
        claim = claim with { SourceTable = SourceRouting.TableOf(index) };
        await services.Claims.PutAsync(claim);
        await services.OnDevicesAsync(() =>
        {
            using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
            SourceRouting.Add(pod, index, claim.SourceTable, claim.Addresses, gateways);
            return true;
        });
    }

    private int Plumb(Claim claim)
    {
        using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
        var index = services.Pools.Find(claim.DeviceKind)!.Create(PortRequest.Of(claim), pod).Index;
        pod.Configure(index, claim.Addresses);
        pod.AddRoutes(index, claim.Routes);
        return index;
    }

    [LoggerMessage(LogLevel.Information, "The {Kind} {Device} was made anew: {Key} has it again")]
    private partial void LogRestored(string kind, string device, AttachmentKey key);

    [LoggerMessage(LogLevel.Error, "The device {Port} of {Key} can't be restored, trying again: {Reason}")]
    private partial void LogFailed(string port, AttachmentKey key, string reason);
}
