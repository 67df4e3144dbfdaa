using System.Diagnostics;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A TAP that the target creates in the ports' namespace. If the target creates it for the attachment, it moves to the pod. If the target
/// creates all TAPs before its pipeline starts, the ACC leases them (<see cref="LeasedTap"/>). A TAP exists on the machine of the process
/// that opens it, so the target must run on the host.
/// </summary>
internal sealed class TapKind(DataPlaneNamespace dataPlane) : IDeviceKind
{
    private static readonly TimeSpan TargetLimit = TimeSpan.FromSeconds(3);

    public string Kind => "tap";

    public int DefaultLimit => 254;

    public bool PlanBlocks => false;

    public DevicePlan Plan(PlanRequest request) => new("", PortName.For(request.Key), request.Mac ?? MacAddress.Random());

    // The target creates the TAP when the ACC attaches it.
    public PodInterface? CreateBeforeAttach(PortRequest request, PodNetwork pod) => null;

    public PodInterface Create(PortRequest request, PodNetwork pod)
    {
        var index = WaitForLink(request.PortName);
        if (IsLeased(request.PortName))
        {
            return dataPlane.Use((_, links) => LeasedTap.MoveToPod(links, index, request, pod));
        }

        dataPlane.Use((_, links) =>
        {
            links.SetLink(index, new LinkChange { Mac = request.Mac, Mtu = request.Mtu, Alias = request.Alias });
            links.MoveToNamespace(index, pod.Namespace, pod.InterfaceName);
            return true;
        });
        var moved = pod.Find() ?? throw new LinuxException($"find {pod.InterfaceName} after {request.PortName} was moved", Errno.ENODEV);
        return new PodInterface(moved.Index, request.Mac);
    }

    public Task DeleteAsync(Claim claim) => Task.Run(() =>
    {
        // The target deletes its TAP with the port, but possibly later. A leased TAP is not in the pod.
        PodDevices.UseForRemoval(claim, static (pod, link) =>
        {
            if (link.Kind is "tun" or "macvlan")
            {
                pod.Links.DeleteLink(link.Index);
            }
        });
        if (IsLeased(claim))
        {
            dataPlane.Use((_, links) =>
            {
                LeasedTap.Release(links, claim);
                return true;
            });
        }
    });

    // The target creates it when it learns of the attachment again.
    public bool CanRestore(Claim claim) => PodDevices.HasLostDevice(claim);

    // The ACC learns of the new MAC.
    public void CheckChangedMac(Claim claim, LinkInfo link)
    {
    }

    // A TAP has a carrier while a process has it open.
    public string? Problem(Claim claim)
    {
        var problem = $"{claim.Key.InterfaceName} of {claim.Key} is gone";
        PodDevices.TryUse(
            claim,
            (_, link) =>
                problem = link.IsUp && !link.HasCarrier
                    ? $"{claim.Key.InterfaceName} of {claim.Key} has no carrier: its target is not running"
                    : null);
        return problem;
    }

    public bool IsLeased(Claim claim) => IsLeased(claim.PortName);

    // If the agent chose the name, the target created the TAP for this attachment.
    private static bool IsLeased(string portName) => !AgentPortName.Is(portName);

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
                throw new CniException(
                    CniErrorCode.TryAgainLater,
                    $"the target did not create the TAP {name}",
                    "device kind tap needs a target on this machine, in the namespace of Device:PortNamespace");
            }

            epoll.Wait(events, (int)Math.Ceiling(left.TotalMilliseconds));
            while (monitor.TryRead(out _))
            {
            }
        }
    }
}
