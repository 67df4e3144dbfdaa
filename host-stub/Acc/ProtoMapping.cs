using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Claims;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.HostStub.Acc;

/// <summary>Converts claims to messages of accoffload.v1.</summary>
internal static class ProtoMapping
{
    public static Protos.V1.AttachmentKey ToProto(this Cni.AttachmentKey key) =>
        new() { Network = key.Network, ContainerId = key.ContainerId, InterfaceName = key.InterfaceName };

    public static AttachRequest ToProto(this Claim claim, ulong epoch, ulong sequence)
    {
        var request = new AttachRequest
        {
            Key = claim.Key.ToProto(),
            Kind = claim.IsHost ? EndpointKind.Host : EndpointKind.Pod,
            Device = new Device { Kind = claim.DeviceKind, PortName = claim.PortName, Mac = ByteString.CopyFrom(claim.Mac.ToArray()) },
            Mtu = (uint)claim.Mtu,
            PodNamespace = claim.PodNamespace,
            PodName = claim.PodName,
            PodUid = claim.PodUid,
            Epoch = epoch,
            Sequence = sequence,
        };
        foreach (var address in claim.Addresses)
        {
            request.Addresses.Add(ByteString.CopyFrom(address.GetAddressBytes()));
        }

        request.HostPorts.AddRange(claim.HostPorts.Select(ToProto));
        return request;
    }

    /// <summary>The host port of an attachment that the ACC holds; null if it is not valid.</summary>
    public static HostPort? FromProto(PortMapping mapping) =>
        mapping is { Port: > 0 and <= ushort.MaxValue, PodPort: > 0 and <= ushort.MaxValue, Address.Length: 0 or 4 or 16 }
        && Transport.IsKnown((ProtocolType)mapping.Protocol)
            ? new HostPort(
                (ProtocolType)mapping.Protocol,
                (ushort)mapping.Port,
                (ushort)mapping.PodPort,
                mapping.Address.IsEmpty ? null : new IPAddress(mapping.Address.Span))
            : null;

    private static PortMapping ToProto(HostPort port) => new()
    {
        Protocol = (uint)port.Protocol,
        Port = port.Port,
        PodPort = port.PodPort,
        Address = port.Address is { } address ? ByteString.CopyFrom(address.GetAddressBytes()) : ByteString.Empty,
    };

    public static SyncRequest ToProto(this SyncSnapshot snapshot)
    {
        var request = new SyncRequest { Epoch = snapshot.Epoch, Sequence = snapshot.Sequence };
        foreach (var claim in snapshot.Attached)
        {
            request.Attachments.Add(claim.ToProto(claim.Epoch, claim.Sequence));
        }

        return request;
    }
}
