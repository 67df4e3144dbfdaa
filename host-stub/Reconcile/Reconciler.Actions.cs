using System.Net;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Reconcile;

/// <content>How the reconciler resolves each difference.</content>
internal sealed partial class Reconciler
{
    // Logs a failure when it changes.
    private async Task FillPoolsAsync()
    {
        IReadOnlyList<(string Kind, PoolStep Step)> steps;
        try
        {
            steps = await services.RunOnHostAsync(services.Pools.Steps);
            _poolProblems.Remove(("", ""));
        }
        catch (LinuxException e)
        {
            ReportPoolProblem("", "", e.Message);
            return;
        }
        foreach (var (kind, step) in steps)
        {
            try
            {
                await services.RunOnHostAsync(() =>
                {
                    step.Run();
                    return true;
                });
                _poolProblems.Remove((kind, step.Target));
                LogPoolFilled(kind, step.Target);
            }
            catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
            {
                if (step.IsDevice && DeviceFault.IsDeviceAtFault(e))
                {
                    services.Pools.Quarantine.Add(kind, step.Target, e.Message);
                }

                ReportPoolProblem(kind, step.Target, e.Message);
            }
        }
    }

    private void ReportPoolProblem(string kind, string target, string reason)
    {
        if (_poolProblems.GetValueOrDefault((kind, target)) == reason)
        {
            return;
        }

        _poolProblems[(kind, target)] = reason;
        LogPoolNotFilled(kind, target, reason);
    }

    /// <summary>Returns a pod's device to its pool if the pod is gone.</summary>
    /// <returns>True when the pod is gone and nothing of its device is left to clean up.</returns>
    private async Task<bool> ReclaimIfPodGoneAsync(Claim claim)
    {
        if (services.Pools.Find(claim.DeviceKind) is not { } kind || !await services.RunOnHostAsync(() => kind.IsPodGone(claim)))
        {
            return false;
        }

        if (!kind.IsPooled || services.Pools.IsDeviceReleased(claim))
        {
            return true;
        }

        if (!await services.RunOnHostAsync(() => kind.IsReturned(claim)))
        {
            return false;
        }

        try
        {
            await kind.DeleteAsync(claim);
            LogReclaimed(claim.DeviceKind, claim.Device, claim.Key);
            return true;
        }
        catch (Exception e)
        {
            LogNotReclaimed(claim.DeviceKind, claim.Device, e.Message);
            return false;
        }
    }

    private async Task RestoreAsync(Claim claim)
    {
        // The ACC may have removed the attachment when it was reported missing. A newer request adds it again, and makes the target create
        // the device.
        var (epoch, sequence) = services.Claims.NextSequence();
        claim = claim with { Epoch = epoch, Sequence = sequence, Vanished = false };
        await services.Claims.PutAsync(claim);
        (claim, var reply) = await services.AttachAsync(claim);
        var index = await services.RunOnHostAsync(() => CreateAgain(claim));
        if (claim.SourceTable != 0)
        {
            await RestoreSourceRoutingAsync(claim, index, PodRoutes.Gateways(reply));
        }
    }

    private int CreateAgain(Claim claim)
    {
        using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
        var index = services.Pools.Find(claim.DeviceKind)!.Create(PortRequest.Of(claim), pod).Index;
        pod.Configure(index, claim.Addresses);
        pod.AddRoutes(index, claim.Routes);
        return index;
    }

    // The interface may have a different index now, and its routing table is derived from the index.
    private async Task RestoreSourceRoutingAsync(Claim claim, int index, IReadOnlyList<IPAddress> gateways)
    {
        await services.RunOnHostAsync(() =>
        {
            SourceRouting.Remove(claim);
            return true;
        });
        claim = claim with { SourceTable = SourceRouting.TableOf(index) };
        await services.Claims.PutAsync(claim);
        await services.RunOnHostAsync(() =>
        {
            using var pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: false);
            SourceRouting.Add(pod, index, claim.SourceTable, claim.Addresses, gateways);
            return true;
        });
    }

    // The caller holds the claim's lock.
    private async Task RemoveAsync(Claim claim)
    {
        try
        {
            await remover.RemoveAsync(claim.Key, claim, StoredCall.ToIpam(claim));
        }
        catch (CniException e)
        {
            LogNotRemoved(claim.Key, e.OneLine);
        }
    }

    private async Task ReleaseAsync(Claim seen)
    {
        using var holder = await services.Locks.AcquireAsync(seen.Key, TimeSpan.Zero);
        if (holder is null || !ReferenceEquals(services.Claims.Get(seen.Key), seen))
        {
            return;
        }

        LogReleasing(seen.Key, services.Config.VanishedGrace.TotalSeconds);
        await RemoveAsync(seen);
    }

    [LoggerMessage(LogLevel.Information, "Changed the {Kind} pool as configured: {Target}")]
    private partial void LogPoolFilled(string kind, string target);

    [LoggerMessage(LogLevel.Error, "The {Kind} pool can't be changed as configured ({Target}), trying again: {Reason}")]
    private partial void LogPoolNotFilled(string kind, string target, string reason);

    [LoggerMessage(LogLevel.Warning, "The device {Device} of {Key} disappeared without a DEL")]
    private partial void LogMissing(AttachmentKey key, string device);

    [LoggerMessage(LogLevel.Information, "The {Kind} {Device} is back from {Key}, whose namespace is gone")]
    private partial void LogReclaimed(string kind, string device, AttachmentKey key);

    [LoggerMessage(
        LogLevel.Error,
        "The {Kind} {Device} is back from a namespace that is gone, but can't be reset to its original state, trying again: {Reason}")]
    private partial void LogNotReclaimed(string kind, string device, string reason);

    [LoggerMessage(LogLevel.Warning, "No claim names the data-plane end {Port}; a GC of its network removes it")]
    private partial void LogUnknownPort(string port);

    [LoggerMessage(LogLevel.Information, "Restored the {Kind} {Device} of {Key}")]
    private partial void LogRestored(string kind, string device, AttachmentKey key);

    [LoggerMessage(LogLevel.Error, "The device {Port} of {Key} can't be restored, trying again: {Reason}")]
    private partial void LogNotRestored(string port, AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Warning, "{Key} was only partly {Action} when the agent stopped: removing it")]
    private partial void LogHalfDone(AttachmentKey key, string action);

    [LoggerMessage(LogLevel.Error, "{Key} can't be removed completely, trying again: {Reason}")]
    private partial void LogNotRemoved(AttachmentKey key, string reason);

    [LoggerMessage(
        LogLevel.Warning, "{Key} has had neither namespace nor device for {Seconds} s, and no DEL came: releasing it and its addresses")]
    private partial void LogReleasing(AttachmentKey key, double seconds);
}
