using System.Net;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Operations;

/// <summary>
/// ADD. The claim is on disk before anything is created, and is recorded as attached while the pod's routes are added, at the end. After
/// a restart before that, the agent undoes the attachment; later, the attachment stays until the runtime's DEL.
/// </summary>
internal sealed partial class AddOperation(AgentServices services, Remover remover, Reconciler reconciler, HostInterface host)
{
    /// <summary>How long to wait for an unreachable ACC; the rest of the ADD's time is for the work.</summary>
    private static readonly TimeSpan AccWait = TimeSpan.FromSeconds(5);

    /// <summary>Maximum size in bytes of an IPAM plugin's result, which the claim keeps.</summary>
    private const int MaxIpamResult = 256 * 1024;

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task<CniResult> RunAsync(CniCall call)
    {
        var deadline = DateTime.UtcNow + services.Config.AddTimeout;
        var wait = AccWait < services.Config.AddTimeout ? AccWait : services.Config.AddTimeout;
        // Check before anything is created: without the plugin, the ADD could not be undone.
        IpamDelegate.Require(call.ToIpam());
        await services.Acc.WaitOpenAsync(wait, CancellationToken.None);
        await ClearOldAsync(call);

        var times = new OperationTimes();
        var kind = services.Pools.For(call.Config.DeviceKind, call.Config.DeviceId);
        CheckCapabilities(call, kind);
        // The claim is written while the pod is opened. If that fails, there is nothing to undo but the claim.
        var (claim, recording) = await ReserveAsync(call, kind);
        var claimed = times.OfAsync(OperationPhase.Store, recording);
        using var pod = await OpenPodAsync(call, times);
        bool attachSent = false, refused = false;
        try
        {
            await claimed;
            services.Step("add.claimed");

            // Starting a process blocks for a moment, which must not delay the device.
            var ipam = times.OfAsync(OperationPhase.Ipam, Task.Run(() => services.Ipam.RunAsync("ADD", call.ToIpam())));
            var early = OnLinksAsync(times, call.Config.Name, () => Create(call, kind.CreateBeforeAttach, claim, pod));
            // Both run to completion, even if one fails: otherwise the undo could overlap with the creation.
            var both = Task.WhenAll(ipam, early);
            await both.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            refused = ipam.Exception?.InnerException is CniException { FromDelegate: true };
            await both;
            var device = early.Result;
            call.AddErrorText(ipam.Result.ErrorText);
            services.Step("add.made");

            var addresses = ipam.Result.Result.Addresses.Select(a => a.Address).ToArray();
            if (addresses.Length == 0)
            {
                throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin {call.Config.IpamType} returned no address");
            }

            if (addresses.Length > ProtocolLimits.MaxAddresses)
            {
                throw new CniException(
                    CniErrorCode.InvalidNetworkConfig,
                    $"the IPAM plugin {call.Config.IpamType} returned {addresses.Length} addresses",
                    $"an attachment has {ProtocolLimits.MaxAddresses} at most");
            }

            var (epoch, sequence) = services.Claims.NextSequence();
            claim = claim with { IpamResult = Bounded(call, ipam.Result.Result) };
            claim = claim with
            {
                State = ClaimState.Attaching,
                Addresses = addresses,
                Epoch = epoch,
                Sequence = sequence,
                Mac = device?.Mac ?? claim.Mac,
            };
            services.Claims.PutInMemory(claim);
            attachSent = true;
            var attach = times.OfAsync(OperationPhase.Acc, services.Acc.AttachAsync(claim, deadline, CancellationToken.None));
            var configured = device is { } made
                ? OnLinksAsync(times, call.Config.Name, () => Configure(call, kind, claim, pod, made.Index, addresses))
                : Task.FromResult(true);
            await Task.WhenAll(attach, configured);
            var reply = attach.Result;
            CheckHostPorts(claim, reply);
            claim = claim.WithPort(reply);
            var index = device?.Index ?? await CreateAfterAttachAsync(call, kind, claim, pod, addresses, times);
            services.Step("add.attached");

            var routes = PodRoutes.For(claim.Addresses, PodRoutes.Gateways(reply), ipam.Result.Result.Routes);
            int? mtu = reply.Mtu != 0 && reply.Mtu != claim.Mtu ? (int)reply.Mtu : null;
            claim = claim with { State = ClaimState.Attached, Mtu = mtu ?? claim.Mtu, Routes = kind.RoutesToRestore(routes) };
            var recorded = times.OfAsync(OperationPhase.Store, services.Claims.PutAsync(claim));
            var routed = OnLinksAsync(times, call.Config.Name, () => AddRoutes(pod, index, mtu, routes));
            await Task.WhenAll(recorded, routed);
            if (SourceRouting.IsNeeded(routes, routed.Result))
            {
                claim = claim with { SourceTable = SourceRouting.TableOf(index) };
                // Record them first: the rules remain when the interface is deleted.
                await times.OfAsync(OperationPhase.Store, services.Claims.PutAsync(claim));
                await OnLinksAsync(times, call.Config.Name, () => AddSourceRouting(pod, index, claim, PodRoutes.Gateways(reply)));
            }
            services.Step("add.recorded");
            if (claim.HostPorts.Count > 0 && services.Config.HostInterface.Services)
            {
                // The host reaches them as soon as the pod runs.
                await host.EnsureAsync();
            }

            LogAdded(claim.Key, claim.PodNamespace, claim.PodName, string.Join(", ", addresses.AsEnumerable()), reply.Port);
            LogTimes(claim.Key, times);
            AgentInstruments.RecordAdd(times);
            return ResultOf(call, claim, reply, routed.Result, ipam.Result.Result);
        }
        catch (Exception e)
        {
            await UndoAsync(call, claim, attachSent, refused, e);
            throw WithField(call, e as CniException ?? ToCni(e));
        }
    }

    private async Task<PodNetwork> OpenPodAsync(CniCall call, OperationTimes times)
    {
        try
        {
            return await OnLinksAsync(times, call.Config.Name, () => OpenPod(call));
        }
        catch
        {
            _ = services.Claims.RemoveAsync(call.Key);
            throw;
        }
    }

    private Task<T> OnLinksAsync<T>(OperationTimes times, string network, Func<T> code) =>
        services.RunOnHostAsync(() => times.Of(OperationPhase.Links, code), network);

    private void LogTimes(AttachmentKey key, OperationTimes times)
    {
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            LogTimes(
                key,
                times.Elapsed,
                times.OutsideAgent,
                times[OperationPhase.Ipam],
                times[OperationPhase.Links],
                times[OperationPhase.Acc],
                times[OperationPhase.Store]);
        }
    }

    private static PodNetwork OpenPod(CniCall call)
    {
        var pod = PodNetwork.Open(call.Environment.NetNs, call.Environment.InterfaceName, call.Environment.NetNsOverride);
        if (pod.Find() is null)
        {
            return pod;
        }

        pod.Dispose();
        throw new CniException(
            CniErrorCode.Internal, $"interface {call.Environment.InterfaceName} already exists in {call.Environment.NetNs}");
    }

    // An earlier claim of the same name must not prevent the ADD if its device is missing or it has not been undone yet.
    private async Task ClearOldAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { } old)
        {
            return;
        }

        if (old.State == ClaimState.Attached && (await services.RunOnHostAsync(() => services.Pools.Missing([old]))).Count == 0)
        {
            throw new CniException(
                CniErrorCode.Internal,
                $"container {old.Key.ContainerId} is already attached to {old.Key.Network} as {old.Key.InterfaceName}",
                "send DEL first");
        }

        try
        {
            call.AddErrorText(await remover.RemoveAsync(old.Key, old, StoredCall.ToIpam(old), call.ToIpam()));
        }
        catch (CniException e)
        {
            // Report what prevents this ADD, not why an earlier one failed.
            throw new CniException(
                CniErrorCode.TryAgainLater,
                $"an earlier attachment of {old.Key} is not completely removed yet, so it can't be added again",
                e.OneLine);
        }
    }

    private async Task<(Claim Claim, Task Recorded)> ReserveAsync(CniCall call, IDeviceKind kind)
    {
        (Claim, Task) Reserve() =>
            services.Pools.Reserve(kind, call.Key, call.Config.DeviceId, plan => Plan(call, kind, plan), call.Config.Mac);
        try
        {
            return kind.PlanBlocks ? await services.RunOnHostAsync(Reserve, call.Config.Name) : Reserve();
        }
        catch (CniException e) when (e.Code == (int)CniErrorCode.TryAgainLater)
        {
            // Pods may have disappeared without a DEL since the last look.
            if (!await reconciler.FindMissingAsync(kind.Kind))
            {
                throw;
            }

            return await services.RunOnHostAsync(Reserve, call.Config.Name);
        }
    }

    private async Task<int> CreateAfterAttachAsync(
        CniCall call, IDeviceKind kind, Claim claim, PodNetwork pod, IPAddress[] addresses, OperationTimes times)
    {
        var device = await OnLinksAsync(times, call.Config.Name, () => Create(call, kind.Create, claim, pod));
        await OnLinksAsync(times, call.Config.Name, () => Configure(call, kind, claim, pod, device.Index, addresses));
        return device.Index;
    }

    private T Create<T>(CniCall call, Func<PortRequest, PodNetwork, T> create, Claim claim, PodNetwork pod)
    {
        try
        {
            return create(PortRequest.Of(claim) with { IsMacRequested = call.Config.Mac is not null }, pod);
        }
        catch (Exception e) when (claim.Device.Length > 0 && DeviceFault.IsDeviceAtFault(e))
        {
            // The next request gets another device; this one is tried again later.
            var reason = CniException.ReasonOf(e);
            services.Pools.Quarantine.Add(claim.DeviceKind, claim.Device, reason);
            LogQuarantined(claim.DeviceKind, claim.Device, reason);
            throw new CniException(
                CniErrorCode.TryAgainLater, $"the {claim.DeviceKind} {claim.Device} can't be configured and is set aside", reason);
        }
    }

    private Claim Plan(CniCall call, IDeviceKind kind, DevicePlan plan) => new()
    {
        Key = call.Key,
        State = ClaimState.Adding,
        DeviceKind = kind.Kind,
        Device = plan.Device,
        Origin = plan.Origin,
        PortName = plan.PortName,
        Mac = plan.Mac,
        Mtu = MtuOf(call),
        NetNs = call.Environment.NetNs,
        PodNamespace = call.Args.PodNamespace,
        PodName = call.Args.PodName,
        PodUid = call.Args.PodUid,
        HostPorts = call.Config.HostPorts,
        Epoch = services.Claims.Epoch,
        Environment = StoredCall.Variables(call),
        Config = call.Config.Raw,
        Created = services.Time.GetUtcNow(),
    };

    private void CheckCapabilities(CniCall call, IDeviceKind kind)
    {
        if (call.Config.Bandwidth is { } bandwidth)
        {
            kind.CheckBandwidth(bandwidth, MtuOf(call));
        }
    }

    private void CheckHostPorts(Claim claim, AttachReply reply)
    {
        if (reply.HostPorts != claim.HostPorts.Count)
        {
            throw new CniException(
                CniErrorCode.UnsupportedField,
                $"the ACC's release does not support host ports, and the pod has {claim.HostPorts.Count}",
                "update inframanager, or chain portmap and declare its capability there instead of for accoffload");
        }

        foreach (var problem in reply.HostPortProblems)
        {
            LogHostPort(claim.PodNamespace, claim.PodName, problem);
        }
    }

    private int MtuOf(CniCall call) => call.Config.Mtu > 0 ? call.Config.Mtu : services.Config.Mtu;

    private static CniResult Bounded(CniCall call, CniResult result) =>
        CniResultWriter.Write(result, CniVersion.V110).Length <= MaxIpamResult
            ? result
            : throw new CniException(
                CniErrorCode.InvalidNetworkConfig,
                $"the IPAM plugin {call.Config.IpamType} returned a result of more than {MaxIpamResult / 1024} KiB");

    // The ACC names its own field; the value came from the runtime.
    private static CniException WithField(CniCall call, CniException e)
    {
        var field = e.Code == (int)CniErrorCode.TryAgainLater ? null
            : call.Config.Mac is { } mac && e.Details.Contains("device.mac", StringComparison.Ordinal) ? $"mac {mac}"
            : call.Config.HostPorts.Count > 0 && e.Details.Contains("host_ports", StringComparison.Ordinal) ? "portMappings"
            : null;
        return field is null
            ? e
            : new CniException(CniErrorCode.InvalidNetworkConfig, $"runtimeConfig.{field} is refused", $"{e.Message}: {e.Details}");
    }

    private static bool Configure(CniCall call, IDeviceKind kind, Claim claim, PodNetwork pod, int index, IPAddress[] addresses)
    {
        pod.Configure(index, addresses);
        // Before the first packet: the target is binding the port at about this time.
        if (call.Config.Bandwidth is { } bandwidth)
        {
            kind.LimitBandwidth(claim.PortName, pod, index, bandwidth);
        }

        return true;
    }

    private static bool AddSourceRouting(PodNetwork pod, int index, Claim claim, IReadOnlyList<IPAddress> gateways)
    {
        SourceRouting.Add(pod, index, claim.SourceTable, claim.Addresses, gateways);
        return true;
    }

    private static IReadOnlyList<CniRoute> AddRoutes(PodNetwork pod, int index, int? mtu, IReadOnlyList<CniRoute> routes)
    {
        if (mtu is { } bytes)
        {
            pod.Links.SetMtu(index, bytes);
        }

        return pod.AddRoutes(index, routes);
    }

    private async Task UndoAsync(CniCall call, Claim claim, bool attachSent, bool refused, Exception failure)
    {
        LogFailed(claim.Key, CniException.ReasonOf(failure));
        try
        {
            call.AddErrorText(await remover.RemoveAsync(claim.Key, claim, call.ToIpam(), attachSent: attachSent, ipamMayFail: refused));
        }
        catch (CniException e)
        {
            // The runtime gets the ADD's own failure. The undo is retried on its DEL, and by the reconciler.
            LogUndoFailed(claim.Key, e.OneLine);
        }
    }

    private static CniException ToCni(Exception e) => e switch
    {
        LinuxException linux => new CniException(CniErrorCode.Internal, "the device could not be created", linux.Message),
        Microsoft.Data.Sqlite.SqliteException sqlite => new CniException(
            CniErrorCode.IoFailure, "the claim could not be recorded", sqlite.Message),
        _ => new CniException(CniErrorCode.Internal, "ADD failed", e.Message),
    };

    private static CniResult ResultOf(CniCall call, Claim claim, AttachReply reply, IReadOnlyList<CniRoute> routes, CniResult ipam)
    {
        var result = call.Config.PrevResult ?? new CniResult();
        var index = result.Interfaces.Count;
        result.Interfaces.Add(new CniInterface(claim.Key.InterfaceName, claim.Mac.ToString(), call.Environment.NetNs, claim.Mtu));
        var gateways = PodRoutes.Gateways(reply);
        foreach (var address in claim.Addresses)
        {
            result.Addresses.Add(new CniAddress(address, PodNetwork.Bits(address), PodRoutes.GatewayFor(address, gateways), index));
        }

        result.Routes.AddRange(routes);
        if (!ipam.Dns.IsEmpty)
        {
            result.Dns = ipam.Dns;
        }
        else if (!call.Config.Dns.IsEmpty)
        {
            result.Dns = call.Config.Dns;
        }

        return result;
    }

    [LoggerMessage(LogLevel.Information, "Added {Key} for pod {PodNamespace}/{PodName}: {Addresses} on port {Port}")]
    private partial void LogAdded(AttachmentKey key, string podNamespace, string podName, string addresses, uint port);

    [LoggerMessage(LogLevel.Warning, "Pod {PodNamespace}/{PodName}: {Problem}")]
    private partial void LogHostPort(string podNamespace, string podName, string problem);

    [LoggerMessage(
        LogLevel.Debug,
        "ADD of {Key}: {All:0.00} ms, {Outside:0.00} of them in the IPAM plugin or link operations; IPAM {Ipam:0.00}, links "
            + "{Links:0.00}, ACC {Acc:0.00}, store {Store:0.00}")]
    private partial void LogTimes(AttachmentKey key, double all, double outside, double ipam, double links, double acc, double store);

    [LoggerMessage(LogLevel.Error, "The {Kind} {Device} is set aside: {Reason}")]
    private partial void LogQuarantined(string kind, string device, string reason);

    [LoggerMessage(LogLevel.Debug, "ADD of {Key} failed, undoing it: {Reason}")]
    private partial void LogFailed(AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Error, "ADD of {Key} could not be undone completely, trying again later: {Reason}")]
    private partial void LogUndoFailed(AttachmentKey key, string reason);
}
