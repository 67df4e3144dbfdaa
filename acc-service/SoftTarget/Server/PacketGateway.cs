using ACCOffload.SoftTarget.Ports;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Packets between controllers and the CPU port. A header that P4Info declares for them precedes the packet on the pipeline's side and is
/// metadata on the controller's side.
/// </summary>
internal sealed class PacketGateway(SoftDevice device) : IPacketSink
{
    /// <summary>Receives the controllers' packets; set when the data plane runs.</summary>
    public DataPlane? DataPlane { get; set; }

    /// <summary>Sends a controller's packet into the pipeline.</summary>
    public Outcome Send(StreamSession session, PacketOut packet)
    {
        if (!device.Primaries.Contains(session))
        {
            return Outcome.Denied("only the primary may send packets");
        }

        if (device.State is not { } state || DataPlane is not { } dataPlane)
        {
            return Outcome.Precondition("no pipeline is running");
        }

        var header = state.Bound.PacketOut;
        var bytes = header?.Bytes ?? 0;
        if (packet.Payload.Length + bytes > dataPlane.MaxFrame)
        {
            return Outcome.Invalid($"the packet has {packet.Payload.Length} bytes; the limit is {dataPlane.MaxFrame - bytes}");
        }

        var frame = new byte[bytes + packet.Payload.Length];
        var outcome = header is null
            ? packet.Metadata.Count == 0 ? Outcome.Ok : Outcome.Invalid("p4info declares no packet_out header and therefore no metadata")
            : PackHeader(header, packet, frame);
        if (!outcome.IsOk)
        {
            return outcome;
        }

        packet.Payload.Span.CopyTo(frame.AsSpan(bytes));
        return dataPlane.TryInject(frame) ? Outcome.Ok : Outcome.Full("the packet-out queue is full");
    }

    /// <inheritdoc/>
    public void ToController(ReadOnlySpan<byte> frame)
    {
        var primaries = device.Primaries;
        if (primaries.Count == 0 || device.State is not { } state)
        {
            return;
        }

        var header = state.Bound.PacketIn;
        var bytes = header?.Bytes ?? 0;
        if (frame.Length < bytes)
        {
            return;
        }

        var packet = new PacketIn { Payload = ByteString.CopyFrom(frame[bytes..]) };
        if (header is not null)
        {
            UnpackHeader(header, frame[..bytes], packet);
        }

        var message = new StreamMessageResponse { Packet = packet };
        foreach (var session in primaries)
        {
            session.TrySend(message);
        }
    }

    private static Outcome PackHeader(BoundPacketHeader header, PacketOut packet, Span<byte> frame)
    {
        var bit = 0;
        foreach (var field in header.Fields)
        {
            var given = packet.Metadata.Where(m => m.MetadataId == field.Id).ToList();
            if (given.Count != 1)
            {
                return Outcome.Invalid($"packet_out metadata {field.Name} is given {given.Count} times; expected once");
            }

            var value = new byte[(field.Bits + 7) / 8];
            if (!BitString.TryPack(given[0].Value.Span, field.Bits, value))
            {
                return Outcome.OutOfRange($"packet_out metadata {field.Name}: {BitString.Describe(given[0].Value.Span, field.Bits)}");
            }

            for (var i = 0; i < field.Bits; i++, bit++)
            {
                if (BitAt(value, (value.Length * 8) - field.Bits + i))
                {
                    frame[bit / 8] |= (byte)(0x80 >> (bit % 8));
                }
            }
        }

        var unknown = packet.Metadata.FirstOrDefault(m => header.Fields.All(f => f.Id != m.MetadataId));
        return unknown is null ? Outcome.Ok : Outcome.Invalid($"packet_out has no metadata {unknown.MetadataId}");
    }

    private static void UnpackHeader(BoundPacketHeader header, ReadOnlySpan<byte> bytes, PacketIn packet)
    {
        var bit = 0;
        foreach (var field in header.Fields)
        {
            var value = new byte[(field.Bits + 7) / 8];
            for (var i = 0; i < field.Bits; i++, bit++)
            {
                if (BitAt(bytes, bit))
                {
                    var at = (value.Length * 8) - field.Bits + i;
                    value[at / 8] |= (byte)(0x80 >> (at % 8));
                }
            }

            packet.Metadata.Add(new PacketMetadata
            {
                MetadataId = field.Id,
                Value = ByteString.CopyFrom(BitString.Canonical(value)),
            });
        }
    }

    private static bool BitAt(ReadOnlySpan<byte> bytes, int bit) => (bytes[bit / 8] & (0x80 >> (bit % 8))) != 0;
}
