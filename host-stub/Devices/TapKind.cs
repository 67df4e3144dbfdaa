using System.Diagnostics;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A TAP that the target makes with its port, in the ports' namespace; from there it goes to the pod. It exists in the kernel of the process that opens
/// it, so the target runs on the host.
/// </summary>
internal sealed class TapKind(DataPlaneNamespace dataPlane) : IDeviceKind
{
    private static readonly TimeSpan TargetLimit = TimeSpan.FromSeconds(3);

    public string Kind => "tap";

    public int DefaultLimit => 254;

    public bool MadeByTarget => true;

    public bool FollowsMac => true;

    public IReadOnlyList<string> Devices() => [];

    public DevicePlan Plan(PlanRequest request) => new("", PortName.For(request.Key), request.Mac ?? MacAddress.Random());

    public MadePort Create(PortRequest request, PodNetwork pod)
    {
        var index = WaitForLink(request.PortName);
        dataPlane.Use((_, links) =>
        {
            links.SetLink(index, new LinkChange { Mac = request.Mac, Mtu = request.Mtu, Alias = request.Alias });
            links.MoveToNamespace(index, pod.Namespace, pod.InterfaceName);
            return true;
        });
        var moved = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} after {request.PortName} was moved", Errno.ENODEV);
        return new MadePort(moved.Index, request.Mac);
    }

    // The target takes it away with its port, but may not hear of it for a while.
    public Task DeleteAsync(Claim claim) => Task.Run(() => PodDevices.ForRemoval(claim, static (pod, link) =>
    {
        if (link.Kind == "tun")
            pod.Links.DeleteLink(link.Index);
    }));

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    // As soon as the target is told of the attachment again.
    public bool CanRestore(Claim claim) => true;

    // An opened TAP has a carrier.
    public string? Problem(Claim claim)
    {
        string? problem = $"{claim.Key.InterfaceName} of {claim.Key} is gone";
        PodDevices.With(claim, (_, link) => problem = link.IsUp && !link.HasCarrier ? $"{claim.Key.InterfaceName} of {claim.Key} has no carrier: its target is gone" : null);
        return problem;
    }

    private int WaitForLink(string name)
    {
        using var monitor = dataPlane.Use((ns, _) => LinkMonitor.Open(ns));
        using var epoll = new Epoll();
        epoll.Add(monitor.Handle, EpollEvents.Read, 0);
        var events = new EpollEvent[1];
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            if (dataPlane.Use((_, links) => links.GetLink(name)) is { Kind: "tun" } link)
                return link.Index;
            var left = TargetLimit - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                throw new CniException(CniErrorCode.TryAgainLater, $"the target did not make the TAP {name}", "device kind tap needs a target on this machine, in the namespace of Device:PortNamespace");
            epoll.Wait(events, (int)Math.Ceiling(left.TotalMilliseconds));
            while (monitor.TryRead(out _))
            {
            }
        }
    }
}
