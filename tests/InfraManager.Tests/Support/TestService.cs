using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>Services and their parts.</summary>
internal static class TestService
{
    public static ServiceKey Key(int number) => new("default", $"service-{number}");

    public static IPAddress Virtual(int number) => new([10, 96, (byte)(number >> 8), (byte)number]);

    /// <summary>A service with one port, 80, and its own cluster address.</summary>
    public static ServiceSpec Of(int number, params Backend[] backends) => new(Key(number), [Port(number, ProtocolType.Tcp, 80, backends)]);

    public static ServicePortSpec Port(int number, ProtocolType protocol, ushort port, params Backend[] backends) => new(
        "", protocol, port, 0, [ClusterIP(number, port, backends.Any(b => b.InCluster) ? FlowTarget.Cluster : FlowTarget.Refuse)],
        [.. backends]);

    public static Frontend ClusterIP(int number, ushort port = 80, FlowTarget target = FlowTarget.Cluster) =>
        new(Virtual(number), port, FrontendKind.ClusterIP, target, target, false, true, []);

    /// <summary>The test node's pod with this number, ready by default.</summary>
    public static Backend Pod(int number, bool ready = true, ushort port = 8080) =>
        new(TestNode.Ip(number), port, BackendPlace.Local, ready, ready, !ready, ready, ready);

    public static Backend Remote(int number, bool ready = true, ushort port = 8080) =>
        new(new IPAddress([10, 250, (byte)(number >> 8), (byte)number]), port, BackendPlace.Remote, ready, ready, !ready, ready, false);

    /// <summary>The pod with this number on another node. The cluster gives it a UID, by default the number.</summary>
    public static Backend RemotePod(int number, bool ready = true, ushort port = 8080, ulong uid = 0) =>
        Remote(number, ready, port) with { Terminating = false, Uid = uid == 0 ? (ulong)number : uid };

    public static Backend Host(ushort port = 6443) =>
        new(IPAddress.Parse("192.0.2.10"), port, BackendPlace.Host, true, true, false, true, true);
}
