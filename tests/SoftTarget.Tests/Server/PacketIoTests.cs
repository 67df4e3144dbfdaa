using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Packets from and to the controller, without ports.</summary>
public sealed class PacketIoTests
{
    private static readonly byte[] Frame = [.. Enumerable.Range(0, 60).Select(i => (byte)i)];

    private static StreamMessageRequest Out(ulong? port, byte[] frame)
    {
        var packet = new PacketOut { Payload = Bytes(frame) };
        if (port is { } value)
        {
            packet.Metadata.Add(new PacketMetadata { MetadataId = 1, Value = Number(value) });
        }

        return new StreamMessageRequest { Packet = packet };
    }

    [Fact]
    public async Task A_packet_out_comes_back_with_its_metadata_as_packet_in()
    {
        await using var target = await TestTarget.StartAsync(o => o with { ServePorts = true, PortNamespace = "/run/netns/none-such" });
        var controller = await target.Client.BecomePrimaryAsync();
        await target.Client.PushAsync(SmallPipelines.PacketIo.Config());

        // Port 4094 is the controller itself: a packet sent there returns with a packet_in header.
        await controller.SendAsync(Out(4094, [0, 0, 0x40, 0x05, .. Frame]));
        var packet = (await controller.NextAsync()).Packet;
        Assert.Equal(Frame, packet.Payload.ToByteArray());
        Assert.Equal([(1u, Number(4)), (2u, Number(5))], packet.Metadata.Select(m => (m.MetadataId, m.Value)));
    }

    [Fact]
    public async Task All_primaries_get_packets_and_backups_do_not()
    {
        await using var target = await TestTarget.StartAsync(o => o with { ServePorts = true });
        var primary = await target.Client.BecomePrimaryAsync(5);
        var other = await target.Client.BecomePrimaryAsync(1, "other");
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(4);
        await backup.NextAsync();
        await target.Client.PushAsync(SmallPipelines.PacketIo.Config(), 5);
        await primary.SendAsync(Out(4094, [0, 0, 0, 0, .. Frame]));
        Assert.Equal(StreamMessageResponse.UpdateOneofCase.Packet, (await primary.NextAsync()).UpdateCase);
        Assert.Equal(StreamMessageResponse.UpdateOneofCase.Packet, (await other.NextAsync()).UpdateCase);
        await backup.ArbitrateAsync(4);
        Assert.Equal(StreamMessageResponse.UpdateOneofCase.Arbitration, (await backup.NextAsync()).UpdateCase);
    }

    [Fact]
    public async Task Invalid_metadata_is_reported_and_the_packet_is_dropped()
    {
        await using var target = await TestTarget.StartAsync(o => o with { ServePorts = true });
        var controller = await target.Client.BecomePrimaryAsync();
        await controller.SendAsync(Out(1, Frame));
        await ExpectError(controller, StatusCode.FailedPrecondition);
        await target.Client.PushAsync(SmallPipelines.PacketIo.Config());
        await controller.SendAsync(Out(null, Frame));
        await ExpectError(controller, StatusCode.InvalidArgument);
        await controller.SendAsync(Out(0x1_0000_0000, Frame));
        await ExpectError(controller, StatusCode.OutOfRange);
        var unknown = Out(1, Frame);
        unknown.Packet.Metadata.Add(new PacketMetadata { MetadataId = 7, Value = Number(1) });
        await controller.SendAsync(unknown);
        await ExpectError(controller, StatusCode.InvalidArgument);
        await controller.SendAsync(Out(1, new byte[20_000]));
        await ExpectError(controller, StatusCode.InvalidArgument);
    }

    [Fact]
    public async Task Without_a_declared_header_the_packet_has_no_header()
    {
        await using var target = await TestTarget.StartAsync(SmallPipelines.BigTable, o => o with { ServePorts = true });
        var controller = await target.Client.BecomePrimaryAsync(2);
        var entry = SmallPipelines.BigTable.Entry("big", [Exact(1, 4094)], SmallPipelines.BigTable.Do("out_of", 4094));
        var request = TargetClient.Request(TargetClient.Insert(entry));
        request.ElectionId.Low = 2;
        await target.Client.P4.WriteAsync(request);
        await controller.SendAsync(Out(null, Frame));
        Assert.Equal(new PacketIn { Payload = Bytes(Frame) }, (await controller.NextAsync()).Packet);
    }

    private static async Task ExpectError(Controller controller, StatusCode code)
    {
        var error = (await controller.NextAsync()).Error;
        Assert.True((int)code == error.CanonicalCode, error.Message);
        Assert.NotNull(error.PacketOut);
    }
}
