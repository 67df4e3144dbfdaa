using System.Net;
using ACCOffload.Protos.Infra;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.InfraManager.Tests.Fixtures;

/// <summary>Valid requests, for tests to modify.</summary>
internal static class Requests
{
    public static AttachRequest Attach() => new()
    {
        Key = new AttachmentKey { Network = "podnet", ContainerId = "c1", InterfaceName = "eth0" },
        Kind = EndpointKind.Pod,
        Device = new Device { Kind = "veth", PortName = "acc0123456789a", Mac = ByteString.CopyFrom(2, 0, 0, 0, 0, 1) },
        Addresses = { ByteString.CopyFrom(IPAddress.Parse("10.244.1.2").GetAddressBytes()) },
        PodNamespace = "default",
        PodName = "web-0",
        PodUid = "uid",
        Epoch = 3,
        Sequence = 4,
        Mtu = 1400,
    };

    public static CreateNetworkRequest CreateNetwork() => new()
    {
        AddRequest = new AddRequest
        {
            InterfaceName = "eth0",
            Netns = "/var/run/netns/cni-1",
            DesiredHostInterfaceName = "tap3",
            ContainerIps = { new IPConfig { Address = "10.244.1.2/32" } },
            Workload = new WorkloadIDs { Namespace = "default", Pod = "web-0" },
        },
        HostIfName = "tap3",
        MacAddr = "02:00:00:00:00:01",
    };

    public static DeleteNetworkRequest DeleteNetwork() => new()
    {
        DelRequest = new DelRequest { InterfaceName = "eth0", Netns = "/var/run/netns/cni-1" },
        HostIfName = "tap3",
        MacAddr = "02:00:00:00:00:01",
        Ipv4Addr = "10.244.1.2/32",
    };

    public static SetupHostInterfaceRequest SetupHostInterface() =>
        new() { IfName = "tap0", Ipv4Addr = "200.1.1.2/32", MacAddr = "02:00:00:00:00:02" };
}
