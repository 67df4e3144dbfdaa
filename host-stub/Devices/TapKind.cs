using System.Diagnostics;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A TAP that the target makes in the ports' namespace: with the attachment, and then it goes to the pod, or before its pipeline, and then the ACC lends
/// it (<see cref="LentTap"/>). It exists in the kernel of the process that opens it, so the target runs on the host.
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
        if (IsLent(request.PortName))
        {
            return dataPlane.Use((_, links) => LentTap.Lend(links, index, request, pod));
        }

        dataPlane.Use((_, links) =>
        {
            links.SetLink(index, new LinkChange { Mac = request.Mac, Mtu = request.Mtu, Alias = request.Alias });
            links.MoveToNamespace(index, pod.Namespace, pod.InterfaceName);
            return true;
        });
        var moved = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} after {request.PortName} was moved", Errno.ENODEV);
        return new MadePort(moved.Index, request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        // The target takes its TAP away with the port, but may not hear of it for a while. A lent one is not in the pod.
        PodDevices.ForRemoval(claim, static (pod, link) =>
        {
            if (link.Kind is "tun" or "macvlan")
            {
                pod.Links.DeleteLink(link.Index);
            }
        });
        if (IsLent(claim))
        {
            dataPlane.Use((_, links) =>
            {
                LentTap.TakeBack(links, claim);
                return true;
            });
        }
    });

    public IReadOnlySet<AttachmentKey> Present(IReadOnlyList<Claim> claims) => PodDevices.Present(claims);

    // As soon as the target is told of the attachment again.
    public bool CanRestore(Claim claim) => true;

    // An opened TAP has a carrier.
    public string? Problem(Claim claim)
    {
        var problem = $"{claim.Key.InterfaceName} of {claim.Key} is gone";
        PodDevices.With(claim, (_, link) => problem = link.IsUp && !link.HasCarrier ? $"{claim.Key.InterfaceName} of {claim.Key} has no carrier: its target is gone" : null);
        return problem;
    }

    public bool IsLent(Claim claim) => IsLent(claim.PortName);

    // A name of the agent's own making is one that the target made the TAP for.
    private static bool IsLent(string portName) => !AgentPortName.Is(portName);

    private int WaitForLink(string name)
    {
        using var monitor = dataPlane.Use((ns, _) => LinkMonitor.Open(ns));
        using var epoll = new Epoll();
        epoll.Add(monitor.Handle, EpollEvents.Read, 0);
        var events = new EpollEvent[1];
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            if (dataPlane.Use((_, links) => links.GetLink(name)) is { Kind: "tun" } link)
            {
                return link.Index;
            }

            var left = TargetLimit - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw new CniException(CniErrorCode.TryAgainLater, $"the target did not make the TAP {name}", "device kind tap needs a target on this machine, in the namespace of Device:PortNamespace");
            }

            epoll.Wait(events, (int)Math.Ceiling(left.TotalMilliseconds));
            while (monitor.TryRead(out _))
            {
            }
        }
    }
}
