using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>A veth pair: the near end in the pod, the far end in the data plane's namespace, where the soft target binds it as a port.</summary>
internal sealed partial class VethKind(DataPlaneNamespace dataPlane, string dataPlanePath) : IDeviceKind
{
    private readonly PortRemoval _removal = new(dataPlane);

    public string Kind => "veth";

    // As many as a Sync may state.
    public int DefaultLimit => 4096;

    public bool MadeByTarget => false;

    public bool FollowsMac => true;

    public IReadOnlyList<string> Devices() => [];

    public DevicePlan Plan(PlanRequest request) => new("", PortName.For(request.Key), request.Mac ?? MacAddress.Random());

    public MadePort Create(PortRequest request, PodNetwork pod)
    {
        // The lock is not held over what needs no data-plane socket: it is the slow part.
        var ns = dataPlane.Use((ns, links) =>
        {
            // Left behind by a claim of the same name that could not be undone. It is nobody's any more.
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
        }) ?? throw new InvalidOperationException("the kernel made the near end elsewhere");
        try
        {
            dataPlane.Use((_, links) => Prepare(request, links));
            pod.DisableOffloads();
            return new MadePort(near.Index, request.Mac);
        }
        catch
        {
            pod.Links.DeleteLink(near.Index);
            throw;
        }
    }

    public Task DeleteAsync(Claim claim) => DeleteAsync(claim.PortName);

    /// <summary>Those that are asked for at the same time go together. The pod's namespace is never entered: the device goes by its far end.</summary>
    public Task DeleteAsync(string portName) => _removal.RemoveAsync(portName);

    public PortInfo? Find(string portName) =>
        dataPlane.Use((_, links) => links.GetLink(portName) is { } link ? Describe(link) : null);

    /// <summary>All data-plane ends that are ours.</summary>
    public IReadOnlyList<PortInfo> List() =>
        dataPlane.Use((_, links) => links.GetLinks().Where(l => l.Kind == "veth" && AgentPortName.Is(l.Name)).Select(Describe).ToArray());

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims)
    {
        var names = List().Select(p => p.Name).ToHashSet();
        return claims.Where(c => names.Contains(c.PortName)).Select(c => c.Key).ToHashSet();
    }

    public string? Problem(Claim claim) => Find(claim.PortName) switch
    {
        null => $"the data-plane end {claim.PortName} of {claim.Key} is gone from {dataPlanePath}",
        { IsUp: false } => $"the data-plane end {claim.PortName} of {claim.Key} is down in {dataPlanePath}",
        _ => null,
    };

    // Neither address nor router solicitation may come from this end: the pod would see it.
    private static bool Prepare(PortRequest request, RouteNetlink links)
    {
        var port = links.GetLink(request.PortName) ?? throw new LinuxException($"find {request.PortName} in the data plane's namespace", Errno.ENODEV);
        links.SetIPv6AddrGenModeNone(port.Index);
        links.DisableOffloads(request.PortName);
        links.SetLink(port.Index, new LinkChange { Alias = request.Alias, Up = true });
        return true;
    }

    private static PortInfo Describe(LinkInfo link) => new(link.Name, link.IsUp, link.Alias ?? "");
}
