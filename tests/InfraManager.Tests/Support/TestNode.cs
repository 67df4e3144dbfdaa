using System.Net;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>A node and endpoints on it.</summary>
internal static class TestNode
{
    public static NodeSettings Settings { get; } = new()
    {
        Name = "node-1",
        Profile = PipelineProfiles.K8sDp,
        PodRanges = [IPNetwork.Parse("10.244.0.0/16")],
        NodeAddresses = [IPAddress.Parse("192.0.2.10")],
        HostAddresses = [IPAddress.Parse("200.1.1.2")],
        VirtualRanges = [IPNetwork.Parse("10.96.0.0/12")],
        Gateway = IPAddress.Parse("169.254.1.1"),
        GatewayMac = MacAddress.Parse("02:ac:c0:00:00:01"),
    };

    public static AttachmentKey Key(int number, string network = "net") => new(network, $"container-{number}", "eth0");

    /// <summary>The pod with this number; omitted values are derived from it.</summary>
    public static EndpointSpec Pod(int number, ulong sequence = 0, int? ip = null, int? mac = null, int? port = null,
        string network = "net", ulong epoch = 1) => new()
        {
            Node = "node-1",
            Origin = ApiOrigin.Offload,
            Key = Key(number, network),
            Kind = EndpointKind.Pod,
            PortName = PortName(port ?? number),
            Mac = new MacAddress(0x02_00_00_00_00_00UL + (ulong)(mac ?? number) + 1),
            Addresses = [Ip(ip ?? number)],
            PodName = $"pod-{number}",
            Epoch = sequence == 0 ? 0 : epoch,
            Sequence = sequence,
        };

    public static EndpointSpec Host(ulong sequence = 0) =>
        Pod(5000, sequence) with { Kind = EndpointKind.Host, Addresses = [IPAddress.Parse("200.1.1.2")] };

    public static IPAddress Ip(int number) => new([10, 244, (byte)(number >> 8), (byte)number]);

    public static string PortName(int number) => $"acc{number:x11}";

    public static AttachIntent Attach(EndpointSpec spec) => new(spec);

    public static DetachIntent Detach(EndpointSpec spec, ulong sequence = 0) =>
        new(spec.Node, spec.Origin, spec.Key, sequence == 0 ? 0UL : 1UL, sequence);

    public static BeginIntent Begin { get; } = new("node-1", "agent-1");

    public static SyncIntent Sync(ulong sequence, params EndpointSpec[] list) => new("node-1", 1, sequence, list);
}
