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
/// ADD. The claim is on disk before anything is made, and marked as attached only when everything stands, so that a restart
/// at any step finds either a whole attachment or one to undo.
/// </summary>
internal sealed partial class AddOperation(AgentServices services, Remover remover, Presence presence)
{
    /// <summary>How long to wait for an ACC that is away; the rest of the ADD's time is for the work.</summary>
    private static readonly TimeSpan AccPatience = TimeSpan.FromSeconds(5);

    /// <summary>Most bytes of an IPAM plugin's result that a claim keeps.</summary>
    private const int MostIpamResult = 256 * 1024;

    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Cni);

    /// <summary>The caller holds the attachment's lock.</summary>
    public async Task<CniResult> RunAsync(CniCall call)
    {
        var deadline = DateTime.UtcNow + services.Config.AddTimeout;
        var patience = AccPatience < services.Config.AddTimeout ? AccPatience : services.Config.AddTimeout;
        // Before anything is made, because without the plugin nothing could be undone either.
        IpamDelegate.Require(call.ToIpam());
        await services.Acc.WaitOpenAsync(patience, CancellationToken.None);
        await ClearOldAsync(call);

        var times = new OperationTimes();
        var kind = services.Pools.For(call.Config.DeviceKind, call.Config.DeviceId);
        CheckCapabilities(call, kind);
        // On its way to the disk while we look at the pod. A look that fails has made nothing, so there is nothing to undo but the claim.
        var (claim, recording) = await ReserveAsync(call, kind);
        var claimed = times.OfAsync(OperationPhase.Store, recording);
        using var pod = await OpenPodAsync(call, times);
        bool accTold = false, refused = false;
        try
        {
            await claimed;
            services.Step("add.claimed");

            // Starting a process blocks for a moment: not before the device is begun.
            var ipam = times.OfAsync(OperationPhase.Ipam, Task.Run(() => services.Ipam.RunAsync("ADD", call.ToIpam())));
            var device = kind.MadeByTarget ? Task.FromResult(default(MadePort)) : OnLinksAsync(times, call.Config.Name, () => Create(call, kind, claim, pod));
            // Both to their end, also when one fails: what is undone afterwards must not still be in the making.
            var made = Task.WhenAll(ipam, device);
            await made.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            refused = ipam.Exception?.InnerException is CniException { OfDelegate: true };
            await made;
            var index = device.Result.Index;
            call.AddErrorText(ipam.Result.ErrorText);
            services.Step("add.made");

            var addresses = ipam.Result.Result.Addresses.Select(a => a.Address).ToArray();
            if (addresses.Length == 0)
            {
                throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin {call.Config.IpamType} gave no address");
            }

            if (addresses.Length > ProtocolLimits.MaxAddresses)
            {
                throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin {call.Config.IpamType} gave {addresses.Length} addresses", $"an attachment has {ProtocolLimits.MaxAddresses} at most");
            }

            var (epoch, sequence) = services.Claims.NextSequence();
            claim = claim with { IpamResult = Bounded(call, ipam.Result.Result) };
            claim = claim with { State = ClaimState.Attaching, Addresses = addresses, Epoch = epoch, Sequence = sequence, Mac = kind.MadeByTarget ? claim.Mac : device.Result.Mac };
            services.Claims.PutInMemory(claim);
            accTold = true;
            var attach = times.OfAsync(OperationPhase.Acc, services.Acc.AttachAsync(claim, deadline, CancellationToken.None));
            var configured = kind.MadeByTarget ? Task.FromResult(true) : OnLinksAsync(times, call.Config.Name, () => Configure(call, claim, pod, index, addresses));
            await Task.WhenAll(attach, configured);
            var reply = attach.Result;
            claim = claim.WithPort(reply);
            if (kind.MadeByTarget)
            {
                index = (await OnLinksAsync(times, call.Config.Name, () => Create(call, kind, claim, pod))).Index;
                await OnLinksAsync(times, call.Config.Name, () => Configure(call, claim, pod, index, addresses));
            }
            services.Step("add.attached");

            var routes = PodRoutes.For(claim.Addresses, PodRoutes.Gateways(reply), ipam.Result.Result.Routes);
            int? mtu = reply.Mtu != 0 && reply.Mtu != claim.Mtu ? (int)reply.Mtu : null;
            claim = claim with { State = ClaimState.Attached, Mtu = mtu ?? claim.Mtu, Routes = ReferenceEquals(kind, services.Veth) ? [] : routes };
            var recorded = times.OfAsync(OperationPhase.Store, services.Claims.PutAsync(claim));
            var routed = OnLinksAsync(times, call.Config.Name, () => AddRoutes(pod, index, mtu, routes));
            await Task.WhenAll(recorded, routed);
            if (SourceRouting.IsNeeded(routes, routed.Result))
            {
                claim = claim with { SourceTable = SourceRouting.TableOf(index) };
                // First on disk: the rule would stay where the interface goes.
                await times.OfAsync(OperationPhase.Store, services.Claims.PutAsync(claim));
                await OnLinksAsync(times, call.Config.Name, () => AddSourceRouting(pod, index, claim, PodRoutes.Gateways(reply)));
            }
            services.Step("add.recorded");
            LogAdded(claim.Key, claim.PodNamespace, claim.PodName, string.Join(", ", addresses.AsEnumerable()), reply.Port);
            LogTimes(claim.Key, times);
            ACCOffload.HostStub.Operations.AgentInstruments.Added(times);
            return ResultOf(call, claim, reply, routed.Result, ipam.Result.Result);
        }
        catch (Exception e)
        {
            await UndoAsync(call, claim, accTold, refused, e);
            throw Named(call, e as CniException ?? ToCni(e));
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

    private Task<T> OnLinksAsync<T>(OperationTimes times, string network, Func<T> code) => services.OnDevicesAsync(() => times.Of(OperationPhase.Links, code), network);

    private void LogTimes(AttachmentKey key, OperationTimes times)
    {
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            LogTimes(key, times.Elapsed, times.OfOthers, times[OperationPhase.Ipam], times[OperationPhase.Links], times[OperationPhase.Acc], times[OperationPhase.Store]);
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
        throw new CniException(CniErrorCode.Internal, $"interface {call.Environment.InterfaceName} already exists in {call.Environment.NetNs}");
    }

    // A claim under the same name whose device is gone, or that waits to be undone, must not stand in the way.
    private async Task ClearOldAsync(CniCall call)
    {
        if (services.Claims.Get(call.Key) is not { } old)
        {
            return;
        }

        if (old.State == ClaimState.Attached && (await services.OnDevicesAsync(() => services.Pools.Missing([old]))).Count == 0)
        {
            throw new CniException(CniErrorCode.Internal, $"container {old.Key.ContainerId} is attached to {old.Key.Network} already as {old.Key.InterfaceName}", "DEL comes first");
        }

        try
        {
            call.AddErrorText(await remover.RemoveAsync(old.Key, old, StoredCall.ToIpam(old), call.ToIpam()));
        }
        catch (CniException e)
        {
            // What is in the way, not what an earlier ADD had failed for.
            throw new CniException(CniErrorCode.TryAgainLater, $"an earlier attachment of {old.Key} is not removed entirely yet, so it can't be added again", e.OneLine);
        }
    }

    // What chooses among devices looks at the kernel, which blocks.
    private async Task<(Claim Claim, Task Recorded)> ReserveAsync(CniCall call, IDeviceKind kind)
    {
        (Claim, Task) Reserve() => services.Pools.Reserve(kind, call.Key, call.Config.DeviceId, plan => Plan(call, kind, plan), call.Config.Mac);
        if (ReferenceEquals(kind, services.Veth))
        {
            return Reserve();
        }

        try
        {
            return await services.OnDevicesAsync(Reserve, call.Config.Name);
        }
        catch (CniException e) when (e.Code == (int)CniErrorCode.TryAgainLater)
        {
            // Pods may have gone without a DEL since the last look.
            if (!await presence.LookAsync(kind.Kind))
            {
                throw;
            }

            return await services.OnDevicesAsync(Reserve, call.Config.Name);
        }
    }

    private MadePort Create(CniCall call, IDeviceKind kind, Claim claim, PodNetwork pod)
    {
        try
        {
            return kind.Create(PortRequest.Of(claim) with { MacIsWanted = call.Config.Mac is not null }, pod);
        }
        catch (Exception e) when (claim.Device.Length > 0 && DeviceFault.IsOfDevice(e))
        {
            // The next one who asks gets another device; this one is tried again later.
            var reason = e is CniException cni ? cni.OneLine : e.Message;
            services.Pools.SetAside.Add(claim.DeviceKind, claim.Device, reason);
            LogSetAside(claim.DeviceKind, claim.Device, reason);
            throw new CniException(CniErrorCode.TryAgainLater, $"the {claim.DeviceKind} {claim.Device} can't be configured and is set aside", reason);
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
        Epoch = services.Claims.Epoch,
        Environment = StoredCall.Variables(call),
        Config = call.Config.Raw,
        Created = services.Time.GetUtcNow(),
    };

    private void CheckCapabilities(CniCall call, IDeviceKind kind)
    {
        if (call.Config.Bandwidth is not { } bandwidth)
        {
            return;
        }

        if (!ReferenceEquals(kind, services.Veth))
        {
            throw new CniException(CniErrorCode.UnsupportedField, $"unsupported field {CniBandwidth.Field} in the network configuration", $"the bandwidth of a {kind.Kind} can't be limited, only that of a veth");
        }

        bandwidth.CheckBursts(MtuOf(call));
    }

    private int MtuOf(CniCall call) => call.Config.Mtu > 0 ? call.Config.Mtu : services.Config.Mtu;

    private static CniResult Bounded(CniCall call, CniResult result) =>
        CniResultWriter.Write(result, CniVersion.V110).Length <= MostIpamResult
            ? result
            : throw new CniException(CniErrorCode.InvalidNetworkConfig, $"the IPAM plugin {call.Config.IpamType} answered with a result of more than {MostIpamResult / 1024} KiB");

    // The ACC knows its own fields only; the one that it complains of is the runtime's.
    private static CniException Named(CniCall call, CniException e) =>
        call.Config.Mac is { } mac && e.Details.Contains("device.mac", StringComparison.Ordinal)
            ? new CniException(CniErrorCode.InvalidNetworkConfig, $"runtimeConfig.mac {mac} is refused", $"{e.Message}: {e.Details}")
            : e;

    private bool Configure(CniCall call, Claim claim, PodNetwork pod, int index, IPAddress[] addresses)
    {
        pod.Configure(index, addresses);
        // Before the first packet: the target binds the port about now.
        if (call.Config.Bandwidth is { } bandwidth)
        {
            services.Veth.LimitRates(claim.PortName, pod, index, bandwidth);
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

    private async Task UndoAsync(CniCall call, Claim claim, bool accTold, bool refused, Exception failure)
    {
        LogFailed(claim.Key, failure is CniException cni ? cni.OneLine : failure.Message);
        try
        {
            call.AddErrorText(await remover.RemoveAsync(claim.Key, claim, call.ToIpam(), accTold: accTold, ipamMayFail: refused));
        }
        catch (CniException e)
        {
            // The ADD's own failure is what the runtime hears of; this is tried again on its DEL and from time to time.
            LogUndoFailed(claim.Key, e.OneLine);
        }
    }

    private static CniException ToCni(Exception e) => e switch
    {
        LinuxException linux => new CniException(CniErrorCode.Internal, "the network device could not be made", linux.Message),
        Microsoft.Data.Sqlite.SqliteException sqlite => new CniException(CniErrorCode.IoFailure, "the claim could not be recorded", sqlite.Message),
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

    [LoggerMessage(LogLevel.Debug, "ADD of {Key}: {All:0.00} ms, {Others:0.00} of them with the IPAM plugin or links at work; IPAM {Ipam:0.00}, links {Links:0.00}, ACC {Acc:0.00}, store {Store:0.00}")]
    private partial void LogTimes(AttachmentKey key, double all, double others, double ipam, double links, double acc, double store);

    [LoggerMessage(LogLevel.Error, "The {Kind} {Device} is set aside: {Reason}")]
    private partial void LogSetAside(string kind, string device, string reason);

    [LoggerMessage(LogLevel.Debug, "ADD of {Key} failed and is undone: {Reason}")]
    private partial void LogFailed(AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Error, "ADD of {Key} could not be undone entirely, it will be tried again: {Reason}")]
    private partial void LogUndoFailed(AttachmentKey key, string reason);
}
