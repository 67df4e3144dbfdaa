using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>A private namespace of a test, deleted with its contents on disposal.</summary>
internal sealed class TestNamespace : IDisposable
{
    public TestNamespace()
    {
        Name = $"acct-{Guid.NewGuid():N}";
        Ns = NetNamespace.CreateNamed(Name);
        Route = RouteNetlink.Open(Ns);
    }

    public string Name { get; }

    public NetNamespace Ns { get; }

    public RouteNetlink Route { get; }

    /// <summary>Adds a permanent IPv4 neighbour.</summary>
    public void AddNeighbour(int index, IPAddress address, MacAddress mac)
    {
        using var connection = new NetlinkConnection(Ns.Run(NetlinkSocket.OpenRoute));
        // RTM_NEWNEIGH; struct ndmsg: AF_INET, NUD_PERMANENT; NDA_DST, NDA_LLADDR.
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], 28, NetlinkMessage.NLM_F_CREATE);
        writer.Body(new NeighbourMessage(2, 0, 0, index, 0x80, 0, 0));
        writer.Address(1, address);
        writer.Mac(2, mac);
        connection.Execute(writer.Complete("add neighbour"), "add neighbour");
    }

    public void WaitUntilRunning(string link)
    {
        using var monitor = LinkMonitor.Open(Ns);
        Wait.For(monitor.Handle, () =>
        {
            while (monitor.TryRead(out _))
            {
            }
            return Route.GetLink(link)?.IsRunning == true;
        }, $"{link} to be running");
    }

    public void Dispose()
    {
        Route.Dispose();
        Ns.Dispose();
        NetNamespace.DeleteNamed(Name);
    }

    private readonly record struct NeighbourMessage(
        byte Family, byte Padding1, ushort Padding2, int Index, ushort State, byte Flags, byte Type);
}
