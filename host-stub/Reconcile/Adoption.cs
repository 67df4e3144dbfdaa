using System.Net;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Logging;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Recovers from the loss of the agent's database: attachments that the ACC holds, and whose devices exist on this host, become claims
/// again, so that the first Sync keeps them. The Sync omits the others, and the ACC removes them. If the devices can't be read, nothing is
/// decided: that does not prove their absence.
/// </summary>
internal sealed partial class Adoption(AgentServices services)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Host);

    /// <exception cref="AccException">The host's devices can't be read; the message says why.</exception>
    public async Task RunAsync(IReadOnlyList<AttachRequest> held)
    {
        if (services.Claims.IsComplete)
        {
            return;
        }

        var candidates = held.Select(ToClaim).OfType<Claim>().Where(c => !c.IsHost && services.Claims.Get(c.Key) is null).ToArray();
        List<Claim> found;
        try
        {
            found = candidates.Length == 0 ? [] : await services.RunOnHostAsync(() => Find(candidates));
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            throw new AccException(
                $"the agent's database is new, and the agent can't see which of the ACC's {candidates.Length} attachments are on this "
                    + $"host, so it states none: {e.Message}");
        }
        await Task.WhenAll(found.Select(services.Claims.PutAsync));
        await services.Claims.SetCompleteAsync();
        if (candidates.Length > 0)
        {
            LogAdopted(found.Count, candidates.Length);
        }
    }

    private List<Claim> Find(Claim[] candidates)
    {
        var found = new List<Claim>();
        foreach (var group in candidates.GroupBy(c => c.DeviceKind))
        {
            if (services.Pools.Find(group.Key) is { } kind)
            {
                found.AddRange(kind.FindAttached([.. group]));
            }
        }

        return found;
    }

    private Claim? ToClaim(AttachRequest held)
    {
        if (held is not { Key: not null, Kind: EndpointKind.Pod, Device.Mac.Length: MacAddress.Length }
            || held.Addresses.Any(a => a.Length is not (4 or 16)))
        {
            return null;
        }

        // A port that cannot be read is left out, because the pod itself must stay.
        return new Claim
        {
            Key = new AttachmentKey(held.Key.Network, held.Key.ContainerId, held.Key.InterfaceName),
            State = ClaimState.Attached,
            DeviceKind = held.Device.Kind,
            PortName = held.Device.PortName,
            Mac = new MacAddress(held.Device.Mac.Span),
            Mtu = held.Mtu == 0 ? services.Config.Mtu : (int)held.Mtu,
            Addresses = [.. held.Addresses.Select(a => new IPAddress(a.Span))],
            HostPorts = [.. held.HostPorts.Select(ProtoMapping.FromProto).OfType<HostPort>()],
            PodNamespace = held.PodNamespace,
            PodName = held.PodName,
            PodUid = held.PodUid,
            Created = services.Time.GetUtcNow(),
        };
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The agent's database is new: {Found} of {Held} attachments that the ACC holds are on this host and stay, the others are removed")]
    private partial void LogAdopted(int found, int held);
}
