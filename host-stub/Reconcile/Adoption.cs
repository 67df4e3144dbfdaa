using System.Net;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// After the agent's database was lost: of the attachments that the ACC holds, those whose devices stand on this host become claims again, so that the first
/// Sync keeps them. The rest is left out of it, and the ACC removes it. A look that fails is no absence: then nothing is decided.
/// </summary>
internal sealed partial class Adoption(AgentServices services)
{
    private readonly ILogger _logger = services.Loggers.CreateLogger(LogFeature.Host);

    /// <exception cref="AccException">The host's devices can't be looked at; the message says why.</exception>
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
            found = candidates.Length == 0 ? [] : await services.OnDevicesAsync(() => Find(candidates));
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            throw new AccException($"the agent's database is new, and which of the ACC's {candidates.Length} attachments stand on this host can't be seen, so nothing is stated: {e.Message}");
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
        foreach (var group in candidates.Where(c => services.Pools.Find(c.DeviceKind) is not null).GroupBy(c => c.DeviceKind))
        {
            found.AddRange(group.Key == services.Veth.Kind ? FindVeth(group) : FindInPods([.. group]));
        }

        return found;
    }

    private IEnumerable<Claim> FindVeth(IEnumerable<Claim> candidates)
    {
        // By the alias, too: the name is a hash, and may be another attachment's that was made meanwhile.
        var ports = services.Veth.List().ToDictionary(p => p.Name, p => p.Alias);
        return candidates.Where(c => c.PortName == PortName.For(c.Key) && ports.GetValueOrDefault(c.PortName) == PortName.Alias(c.Key));
    }

    /// <summary>Which namespace a pod has was in the database. The named ones are all looked through for its interface, by name, MAC and alias.</summary>
    private static List<Claim> FindInPods(IReadOnlyList<Claim> candidates)
    {
        var open = candidates.ToLookup(c => (c.Key.InterfaceName, c.Mac));
        var found = new Dictionary<AttachmentKey, Claim>();
        var directory = Path.GetDirectoryName(NetNamespace.NamedPath("x"))!;
        foreach (var path in Directory.Exists(directory) ? Directory.GetFiles(directory) : [])
        {
            foreach (var link in LinksIn(path))
            {
                foreach (var claim in open[(link.Name, link.Mac)].Where(c => string.IsNullOrEmpty(link.Alias) || link.Alias == PortName.Alias(c.Key)))
                {
                    found.TryAdd(claim.Key, claim with { NetNs = path, Device = claim.DeviceKind == "vf" ? link.ParentDevice ?? "" : "" });
                }
            }
        }
        // A function that can't be told apart can't be given back.
        return [.. found.Values.Where(c => c.DeviceKind != "sf" && (c.DeviceKind != "vf" || c.Device.Length > 0))];
    }

    private static IReadOnlyList<LinkInfo> LinksIn(string path)
    {
        try
        {
            using var ns = NetNamespace.Open(path);
            using var links = RouteNetlink.Open(ns);
            return links.GetLinks();
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTTY or Errno.EINVAL)
        {
            // Gone just now, or no namespace.
            return [];
        }
    }

    private Claim? ToClaim(AttachRequest held)
    {
        if (held is not { Key: not null, Kind: EndpointKind.Pod, Device.Mac.Length: MacAddress.Length } || held.Addresses.Any(a => a.Length is not (4 or 16)))
        {
            return null;
        }

        return new Claim
        {
            Key = new AttachmentKey(held.Key.Network, held.Key.ContainerId, held.Key.InterfaceName),
            State = ClaimState.Attached,
            DeviceKind = held.Device.Kind,
            PortName = held.Device.PortName,
            Mac = new MacAddress(held.Device.Mac.Span),
            Mtu = held.Mtu == 0 ? services.Config.Mtu : (int)held.Mtu,
            Addresses = [.. held.Addresses.Select(a => new IPAddress(a.Span))],
            PodNamespace = held.PodNamespace,
            PodName = held.PodName,
            PodUid = held.PodUid,
            Created = services.Time.GetUtcNow(),
        };
    }

    [LoggerMessage(LogLevel.Warning, "The agent's database is new: {Found} of {Held} attachments that the ACC holds stand on this host and are taken over, the others are removed")]
    private partial void LogAdopted(int found, int held);
}
