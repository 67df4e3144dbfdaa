using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    /// <summary>Sends a packet to the pipeline. Requires the primary role; a target drops invalid packets silently.</summary>
    /// <exception cref="P4RuntimeException">No connection, not primary, or the stream broke.</exception>
    /// <exception cref="P4InfoException">The pipeline defines no such metadata.</exception>
    public async Task SendPacketAsync(ControllerPacket packet, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(packet);
        var live = Connected("a packet");
        if (ObstacleToWrites(live) is { } obstacle)
        {
            throw new P4RuntimeException(StatusCode.FailedPrecondition, $"a packet was not sent: {obstacle}");
        }

        var message = new PacketOut { Payload = UnsafeByteOperations.UnsafeWrap(packet.Payload) };
        foreach (var (name, value) in packet.Metadata)
        {
            var field = Pipeline?.PacketOut?.Fields.FirstOrDefault(f => f.Name == name)
                ?? throw P4InfoException.Missing("packet_out", "metadata", name, Pipeline?.PacketOut?.Fields.Select(f => f.Name) ?? []);
            var full = new byte[BitString.ByteWidth(field.BitWidth)];
            if (!BitString.TryPack(value.Span, field.BitWidth, full))
            {
                throw new ArgumentException($"packet_out metadata {name} is empty or does not fit in {field.BitWidth} bits");
            }

            message.Metadata.Add(new PacketMetadata { MetadataId = field.Id, Value = ByteString.CopyFrom(BitString.Canonical(full)) });
        }

        try
        {
            await live.SendAsync(new StreamMessageRequest { Packet = message }, cancellationToken);
        }
        catch (RpcException e)
        {
            throw RpcFault.ToException("sending a packet", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
        {
            throw new P4RuntimeException(StatusCode.Unavailable, "sending a packet failed: the stream ended", e);
        }
    }

    private void Deliver(PacketIn packet)
    {
        if (PacketReceived is not { } handler)
        {
            return;
        }

        var fields = Pipeline?.PacketIn?.Fields ?? [];
        var metadata = new List<PacketValue>(packet.Metadata.Count);
        foreach (var value in packet.Metadata)
        {
            var name = fields.FirstOrDefault(f => f.Id == value.MetadataId)?.Name ?? $"#{value.MetadataId}";
            metadata.Add(new PacketValue(name, value.Value.Memory));
        }

        try
        {
            handler(new ControllerPacket(packet.Payload.Memory, metadata));
        }
        catch (Exception e)
        {
            LogHandlerFailed(e, nameof(PacketReceived));
        }
    }
}

/// <summary>A packet from or to the pipeline.</summary>
/// <param name="Payload">The frame.</param>
/// <param name="Metadata">Metadata by name, as the pipeline's <c>packet_in</c> or <c>packet_out</c> header defines it.</param>
public sealed record ControllerPacket(ReadOnlyMemory<byte> Payload, IReadOnlyList<PacketValue> Metadata);

/// <summary>One metadata value of a packet.</summary>
/// <param name="Name">Name of the metadata field.</param>
/// <param name="Value">The value, big-endian.</param>
public readonly record struct PacketValue(string Name, ReadOnlyMemory<byte> Value);
