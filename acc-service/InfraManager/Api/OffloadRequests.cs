using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Google.Protobuf.Collections;
using ModelKey = ACCOffload.InfraManager.State.Values.AttachmentKey;
using ModelKind = ACCOffload.InfraManager.State.Values.EndpointKind;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// Converts accoffload.v1 messages to the types of the model. Values that these types cannot represent are rejected here, others by the
/// model's rules.
/// </summary>
internal static class OffloadRequests
{
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static EndpointSpec ToSpec(string node, AttachRequest request)
    {
        var device = request.Device ?? throw IntentException.Invalid("device", "missing");
        return new EndpointSpec
        {
            Node = node,
            Origin = ApiOrigin.Offload,
            Key = ToKey(request.Key),
            Kind = request.Kind switch
            {
                Protos.V1.EndpointKind.Pod => ModelKind.Pod,
                Protos.V1.EndpointKind.Host => ModelKind.Host,
                Protos.V1.EndpointKind.Unspecified => throw IntentException.Invalid("kind", "missing"),
                _ => throw IntentException.Invalid("kind", $"{(int)request.Kind} is not an endpoint kind"),
            },
            Device = DeviceKinds.Find(device.Kind) ?? throw IntentException.Invalid("device.kind", device.Kind.Length == 0
                ? "empty"
                : $"\"{ConfigurationError.OneLine(device.Kind)}\" is not supported (supported: {DeviceKinds.Names})"),
            PortName = device.PortName,
            Mac = ToMac(device.Mac),
            Addresses = ToAddresses(request.Addresses),
            Mtu = request.Mtu <= ProtocolLimits.MaxMtu
                ? (int)request.Mtu
                : throw IntentException.Invalid("mtu", $"{request.Mtu} is larger than {ProtocolLimits.MaxMtu}"),
            HostPorts = ToHostPorts(request.HostPorts),
            PodNamespace = request.PodNamespace,
            PodName = request.PodName,
            PodUid = request.PodUid,
            Epoch = request.Epoch,
            Sequence = request.Sequence,
        };
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static ModelKey ToKey(Protos.V1.AttachmentKey? key) =>
        key is null
            ? throw IntentException.Invalid("key", "missing")
            : new ModelKey(key.Network, key.ContainerId, key.InterfaceName);

    /// <summary>The request that would create the endpoint.</summary>
    public static AttachRequest FromSpec(EndpointSpec spec)
    {
        var request = new AttachRequest
        {
            Key = FromKey(spec.Key),
            Kind = spec.Kind == ModelKind.Host ? Protos.V1.EndpointKind.Host : Protos.V1.EndpointKind.Pod,
            Device = new Device
            {
                Kind = DeviceKinds.NameOf(spec.Device),
                PortName = spec.PortName,
                Mac = ByteString.CopyFrom(spec.Mac.ToArray()),
            },
            Mtu = (uint)spec.Mtu,
            PodNamespace = spec.PodNamespace,
            PodName = spec.PodName,
            PodUid = spec.PodUid,
            Epoch = spec.Epoch,
            Sequence = spec.Sequence,
        };
        request.Addresses.AddRange(spec.Addresses.Select(ToBytes));
        request.HostPorts.AddRange(spec.HostPorts.Select(p => new PortMapping
        {
            Protocol = (uint)p.Protocol,
            Port = p.Port,
            PodPort = p.PodPort,
            Address = p.Address is { } address ? ToBytes(address) : ByteString.Empty,
        }));
        return request;
    }

    public static Protos.V1.AttachmentKey FromKey(ModelKey key) =>
        new() { Network = key.Network, ContainerId = key.ContainerId, InterfaceName = key.InterfaceName };

    public static ByteString ToBytes(IPAddress address) => ByteString.CopyFrom(address.GetAddressBytes());

    private static MacAddress ToMac(ByteString mac) =>
        mac.Length == MacAddress.Length
            ? new MacAddress(mac.Span)
            : throw IntentException.Invalid("device.mac", mac.IsEmpty ? "empty" : $"{mac.Length} bytes, expected {MacAddress.Length}");

    private static SequenceOf<HostPort> ToHostPorts(RepeatedField<PortMapping> mappings)
    {
        if (mappings.Count > ProtocolLimits.MaxHostPorts)
        {
            throw IntentException.Invalid("host_ports", $"{mappings.Count} host ports, at most {ProtocolLimits.MaxHostPorts}");
        }

        return [.. mappings.Select((m, i) => new HostPort(
            m.Protocol <= byte.MaxValue && Transport.IsKnown((ProtocolType)m.Protocol)
                ? (ProtocolType)m.Protocol
                : throw IntentException.Invalid($"host_ports[{i}].protocol", $"{m.Protocol} is not 6 (TCP), 17 (UDP) or 132 (SCTP)"),
            ToPort($"host_ports[{i}].port", m.Port),
            ToPort($"host_ports[{i}].pod_port", m.PodPort),
            m.Address.IsEmpty ? null : ToAddress($"host_ports[{i}].address", m.Address)))];
    }

    private static ushort ToPort(string field, uint port) =>
        port is > 0 and <= ushort.MaxValue ? (ushort)port : throw IntentException.Invalid(field, $"{port} is outside 1..65535");

    private static IPAddress ToAddress(string field, ByteString bytes) => bytes.Length is 4 or 16
        ? new IPAddress(bytes.Span)
        : throw IntentException.Invalid(field, $"{bytes.Length} bytes, expected 4 or 16");

    private static IPAddress[] ToAddresses(RepeatedField<ByteString> addresses)
    {
        // Checked before the addresses are converted.
        if (addresses.Count > ProtocolLimits.MaxAddresses)
        {
            throw IntentException.Invalid("addresses", $"{addresses.Count} addresses, at most {ProtocolLimits.MaxAddresses}");
        }

        var result = new IPAddress[addresses.Count];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = ToAddress($"addresses[{i}]", addresses[i]);
        }
        return result;
    }
}
