using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.Crash.Tests;

/// <summary>The test's view of an endpoint. Equal values are the same endpoint with the same content.</summary>
internal sealed record PodSpec(string ContainerId, string PortName, ulong Mac, uint Address)
{
    public const string Network = "podnet";

    /// <summary>The port name requested with this content, derived from the MAC.</summary>
    public string RequestedPortName => PortNameOf((int)(uint)Mac, (int)(Mac >> 32) & 0xff);

    public string AddressText => new IPAddress(BinaryPrimitives.ReverseEndianness(Address)).ToString();

    /// <summary>A variant of the attachment with this number. Each has its own address and MAC; the last has a different port.</summary>
    public static PodSpec Of(int slot, int variant) => new(
        IdOf(slot),
        PortNameOf(slot, variant),
        0x020000000000UL | ((ulong)variant << 32) | (uint)slot,
        0x0AF40100U + (uint)(slot * 4) + (uint)variant);

    public static string IdOf(int slot) => $"pod-{slot}";

    public static AttachmentKey KeyOf(string containerId) => new() { Network = Network, ContainerId = containerId, InterfaceName = "eth0" };

    /// <summary>Parses an endpoint of `ctl endpoints --json`.</summary>
    public static PodSpec FromJson(JsonNode endpoint) => new(
        (string)endpoint["containerId"]!,
        (string)endpoint["portName"]!,
        ulong.Parse(((string)endpoint["mac"]!).Replace(":", "", StringComparison.Ordinal), NumberStyles.HexNumber,
            CultureInfo.InvariantCulture),
        BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse((string)endpoint["addresses"]!.AsArray().Single()!).GetAddressBytes()));

    public AttachRequest ToRequest(ulong epoch, ulong sequence, string deviceKind = "veth")
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Mac);
        var request = new AttachRequest
        {
            Key = KeyOf(ContainerId),
            Kind = EndpointKind.Pod,
            Device = new Device { Kind = deviceKind, PortName = PortName, Mac = ByteString.CopyFrom(bytes[2..]) },
            PodNamespace = "default",
            PodName = ContainerId,
            Epoch = epoch,
            Sequence = sequence,
        };
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Address);
        request.Addresses.Add(ByteString.CopyFrom(bytes[..4]));
        return request;
    }

    private static string PortNameOf(int slot, int variant) => $"acc{(variant == 3 ? 0xb : 0xa):x}{slot:x10}";
}
