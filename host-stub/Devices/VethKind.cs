using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A veth pair: the near end in the pod, the far end in the data plane's namespace, where the soft target binds it as a port.
/// </summary>
internal sealed partial class VethKind(DataPlaneNamespace dataPlane) : IDeviceKind
{
    private readonly PortRemoval _removal = new(dataPlane);

    public string Kind => "veth";

    // The largest number of attachments that a Sync may list.
    public int DefaultLimit => 4096;

    public bool PlanBlocks => false;

    public DevicePlan Plan(PlanRequest request) => new("", PortName.For(request.Key), request.Mac ?? MacAddress.Random());

    public PodInterface Create(PortRequest request, PodNetwork pod)
    {
        // The lock is not held while the pair is created: that is the slow part, and needs no data-plane socket.
        var ns = dataPlane.Use((ns, links) =>
        {
            // Left over from an earlier claim of the same name that could not be undone.
            if (links.GetLink(request.PortName) is { } stale)
            {
                links.DeleteLink(stale.Index);
            }

            return ns;
        });
        var near = pod.Links.CreateVeth(new VethSpec
        {
            Name = pod.InterfaceName,
            Mac = request.Mac,
            Mtu = request.Mtu,
            PeerName = request.PortName,
            PeerNamespace = ns,
        }) ?? throw new InvalidOperationException("the kernel created the near end in another namespace");
        try
        {
            dataPlane.Use((_, links) => Prepare(request, links));
            pod.DisableOffloads();
            return new PodInterface(near.Index, request.Mac);
        }
        catch
        {
            pod.Links.DeleteLink(near.Index);
            throw;
        }
    }

    /// <summary>Deletes the pair by its far end, without entering the pod's namespace.</summary>
    public Task DeleteAsync(Claim claim) => DeleteDataPlaneEndAsync(claim.PortName);

    // Concurrent deletions are batched.
    public Task DeleteDataPlaneEndAsync(string portName) => _removal.RemoveAsync(portName);

    public IReadOnlyList<PortInfo> DataPlaneEnds() =>
        dataPlane.Use((_, links) => links.GetLinks().Where(l => l.Kind == "veth" && AgentPortName.Is(l.Name)).Select(Describe).ToArray());

    public bool HasDataPlaneEnd(Claim claim) => Find(claim.PortName) is not null;

    // The near end has no alias, but nothing else creates a far end of this name.
    public bool OwnsHostLink(Claim claim, LinkInfo? link) => HasDataPlaneEnd(claim);

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims)
    {
        var names = DataPlaneEnds().Select(p => p.Name).ToHashSet();
        return claims.Where(c => names.Contains(c.PortName)).Select(c => c.Key).ToHashSet();
    }

    // A claim that was adopted after the loss of the database has no namespace path: only the far end shows whether the pod is alive.
    public bool IsPodGone(Claim claim) => claim.NetNs.Length == 0 ? !HasDataPlaneEnd(claim) : PodDevices.IsPodGone(claim);

    // A pair is never created again for a live pod.
    public IReadOnlyList<CniRoute> RoutesToRestore(IReadOnlyList<CniRoute> routes) => [];

    public IReadOnlyList<Claim> FindAttached(IReadOnlyList<Claim> candidates)
    {
        // Compare the alias too: the name is a hash, and a later attachment may have the same one.
        var ports = DataPlaneEnds().ToDictionary(p => p.Name, p => p.Alias);
        return [.. candidates.Where(
            c => c.PortName == PortName.For(c.Key) && ports.GetValueOrDefault(c.PortName) == PortName.Alias(c.Key))];
    }

    // The ACC learns of the new MAC.
    public void CheckChangedMac(Claim claim, LinkInfo link)
    {
    }

    public string? Problem(Claim claim) => Find(claim.PortName) switch
    {
        null => $"the data-plane end {claim.PortName} of {claim.Key} is gone from {dataPlane.Path}",
        { IsUp: false } => $"the data-plane end {claim.PortName} of {claim.Key} is down in {dataPlane.Path}",
        _ => null,
    };

    private PortInfo? Find(string portName) =>
        dataPlane.Use((_, links) => links.GetLink(portName) is { } link ? Describe(link) : null);

    // The pod would see address and router solicitations from this end.
    private static bool Prepare(PortRequest request, RouteNetlink links)
    {
        var port = links.GetLink(request.PortName)
            ?? throw new LinuxException($"find {request.PortName} in the data plane's namespace", Errno.ENODEV);
        links.SetIPv6AddrGenModeNone(port.Index);
        links.DisableOffloads(request.PortName);
        links.SetLink(port.Index, new LinkChange { Alias = request.Alias, Up = true });
        return true;
    }

    private static PortInfo Describe(LinkInfo link) => new(link.Name, link.IsUp, link.Alias ?? "");
}
