using ACCOffload.SoftTarget.Tests.Support;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Tests.Server;

public sealed class ArbitrationTests
{
    [Fact]
    public async Task The_first_controller_becomes_primary()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = target.Client.Open();
        await controller.ArbitrateAsync(5);
        var reply = (await controller.NextAsync()).Arbitration;
        Assert.Equal(TargetClient.DeviceId, reply.DeviceId);
        Assert.Equal(5u, reply.ElectionId.Low);
        Assert.Null(reply.Role);
        Assert.Equal((int)StatusCode.OK, reply.Status.Code);
    }

    [Fact]
    public async Task The_stream_of_a_controller_that_does_not_read_ends_and_it_is_no_longer_primary()
    {
        await using var target = await TestTarget.StartAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var stream = target.Client.P4.StreamChannel(cancellationToken: limit.Token);
        try
        {
            // More than the transport's buffers and the queue hold.
            for (var id = 1u; id <= 50_000; id++)
            {
                await stream.RequestStream.WriteAsync(
                    new StreamMessageRequest
                    {
                        Arbitration = new MasterArbitrationUpdate
                        {
                            DeviceId = TargetClient.DeviceId,
                            ElectionId = new Uint128 { Low = id },
                        },
                    },
                    limit.Token);
            }
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The stream has ended.
        }

        // It is gone although it has not read its status yet.
        await target.Client.BecomePrimaryAsync(100_000);
        var end = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stream.ResponseStream.MoveNext(limit.Token))
            {
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, end.StatusCode);
    }

    [Fact]
    public async Task A_controller_with_a_lower_election_id_becomes_backup_and_receives_the_highest_id()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(9);
        var reply = (await backup.NextAsync()).Arbitration;
        Assert.Equal(10u, reply.ElectionId.Low);
        Assert.Equal((int)StatusCode.AlreadyExists, reply.Status.Code);
    }

    [Fact]
    public async Task A_higher_election_id_takes_over_and_all_controllers_are_notified()
    {
        await using var target = await TestTarget.StartAsync();
        var old = await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(3);
        await backup.NextAsync();
        await target.Client.BecomePrimaryAsync(11);
        foreach (var other in new[] { old, backup })
        {
            var news = (await other.NextAsync()).Arbitration;
            Assert.Equal(11u, news.ElectionId.Low);
            Assert.Equal((int)StatusCode.AlreadyExists, news.Status.Code);
        }
    }

    [Fact]
    public async Task The_high_half_of_an_election_id_counts_first()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync(ulong.MaxValue);
        var other = target.Client.Open();
        await other.SendAsync(new StreamMessageRequest
        {
            Arbitration = new MasterArbitrationUpdate { DeviceId = 1, ElectionId = new Uint128 { High = 1 } },
        });
        Assert.Equal((int)StatusCode.OK, (await other.NextAsync()).Arbitration.Status.Code);
    }

    [Fact]
    public async Task When_the_primary_leaves_backups_are_notified_and_stay_backups()
    {
        await using var target = await TestTarget.StartAsync();
        var primary = await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(9);
        await backup.NextAsync();
        await primary.CompleteAsync();
        var news = (await backup.NextAsync()).Arbitration;
        Assert.Equal((int)StatusCode.NotFound, news.Status.Code);
        Assert.Equal(10u, news.ElectionId.Low);

        // It stays a backup with a lower id than the highest ever seen, and takes over with that id.
        await backup.ArbitrateAsync(9);
        Assert.Equal((int)StatusCode.NotFound, (await backup.NextAsync()).Arbitration.Status.Code);
        await backup.ArbitrateAsync(10);
        Assert.Equal((int)StatusCode.OK, (await backup.NextAsync()).Arbitration.Status.Code);
    }

    [Fact]
    public async Task A_primary_that_steps_down_leaves_no_primary()
    {
        await using var target = await TestTarget.StartAsync();
        var primary = await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(7);
        await backup.NextAsync();
        await primary.ArbitrateAsync(8);
        Assert.Equal((int)StatusCode.NotFound, (await primary.NextAsync()).Arbitration.Status.Code);
        Assert.Equal((int)StatusCode.NotFound, (await backup.NextAsync()).Arbitration.Status.Code);
    }

    [Fact]
    public async Task A_repeated_arbitration_is_answered_and_has_no_effect()
    {
        await using var target = await TestTarget.StartAsync();
        var primary = await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(4);
        await backup.NextAsync();
        await primary.ArbitrateAsync(10);
        Assert.Equal((int)StatusCode.OK, (await primary.NextAsync()).Arbitration.Status.Code);
        await backup.ArbitrateAsync(5);
        Assert.Equal((int)StatusCode.AlreadyExists, (await backup.NextAsync()).Arbitration.Status.Code);
    }

    [Fact]
    public async Task Device_zero_is_refused()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = target.Client.Open();
        await controller.ArbitrateAsync(1, deviceId: 0);
        Assert.Equal(StatusCode.InvalidArgument, (await controller.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task Election_id_zero_is_refused()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = target.Client.Open();
        await controller.ArbitrateAsync(0);
        Assert.Equal(StatusCode.InvalidArgument, (await controller.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task An_election_id_in_use_is_rejected_and_its_owner_stays()
    {
        await using var target = await TestTarget.StartAsync();
        var primary = await target.Client.BecomePrimaryAsync(10);
        var other = target.Client.Open();
        await other.ArbitrateAsync(10);
        Assert.Equal(StatusCode.InvalidArgument, (await other.EndAsync()).StatusCode);
        await primary.ArbitrateAsync(10);
        Assert.Equal((int)StatusCode.OK, (await primary.NextAsync()).Arbitration.Status.Code);
    }

    [Fact]
    public async Task The_first_controller_binds_the_device_id()
    {
        await using var target = await TestTarget.StartAsync();
        var first = target.Client.Open();
        await first.ArbitrateAsync(1, deviceId: 77);
        await first.NextAsync();
        var other = target.Client.Open();
        await other.ArbitrateAsync(2, deviceId: 78);
        Assert.Equal(StatusCode.NotFound, (await other.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task Only_the_configured_device_id_is_accepted()
    {
        await using var target = await TestTarget.StartAsync(o => o with { DeviceId = 5 });
        var controller = target.Client.Open();
        await controller.ArbitrateAsync(1, deviceId: 1);
        Assert.Equal(StatusCode.NotFound, (await controller.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task A_stream_keeps_its_device_and_role()
    {
        await using var target = await TestTarget.StartAsync();
        var first = await target.Client.BecomePrimaryAsync(1);
        await first.ArbitrateAsync(2, deviceId: 9);
        Assert.Equal(StatusCode.FailedPrecondition, (await first.EndAsync()).StatusCode);
        var second = await target.Client.BecomePrimaryAsync(3);
        await second.ArbitrateAsync(3, role: "other");
        Assert.Equal(StatusCode.FailedPrecondition, (await second.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task Each_role_has_its_own_primary()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync(10);
        var other = target.Client.Open();
        await other.ArbitrateAsync(1, role: "routing");
        var reply = (await other.NextAsync()).Arbitration;
        Assert.Equal((int)StatusCode.OK, reply.Status.Code);
        Assert.Equal("routing", reply.Role.Name);
    }

    [Fact]
    public async Task A_role_config_is_refused()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = target.Client.Open();
        await controller.SendAsync(new StreamMessageRequest
        {
            Arbitration = new MasterArbitrationUpdate
            {
                DeviceId = 1,
                ElectionId = new Uint128 { Low = 1 },
                Role = new Role { Name = "r", Config = Google.Protobuf.WellKnownTypes.Any.Pack(new Uint128()) },
            },
        });
        Assert.Equal(StatusCode.InvalidArgument, (await controller.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task Too_many_streams_of_a_role_are_refused()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync(1000);
        for (var i = 1u; i < 64; i++)
        {
            var backup = target.Client.Open();
            await backup.ArbitrateAsync(i);
            await backup.NextAsync();
        }

        var late = target.Client.Open();
        await late.ArbitrateAsync(500);
        Assert.Equal(StatusCode.ResourceExhausted, (await late.EndAsync()).StatusCode);
    }

    [Fact]
    public async Task An_unknown_stream_message_is_answered_by_an_error()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = await target.Client.BecomePrimaryAsync();
        await controller.SendAsync(new StreamMessageRequest());
        var error = (await controller.NextAsync()).Error;
        Assert.Equal((int)StatusCode.Unimplemented, error.CanonicalCode);
    }

    [Fact]
    public async Task A_packet_from_a_backup_is_answered_by_an_error_that_contains_it()
    {
        await using var target = await TestTarget.StartAsync();
        await target.Client.BecomePrimaryAsync(10);
        var backup = target.Client.Open();
        await backup.ArbitrateAsync(9);
        await backup.NextAsync();
        await backup.SendAsync(new StreamMessageRequest { Packet = new PacketOut { Payload = Fields.Bytes(1, 2, 3) } });
        var error = (await backup.NextAsync()).Error;
        Assert.Equal((int)StatusCode.PermissionDenied, error.CanonicalCode);
        Assert.Equal(Fields.Bytes(1, 2, 3), error.PacketOut.PacketOut.Payload);
    }

    [Fact]
    public async Task Stopping_the_target_ends_the_streams()
    {
        await using var target = await TestTarget.StartAsync();
        var controller = await target.Client.BecomePrimaryAsync();
        var ending = controller.EndAsync();
        await target.Host.DisposeAsync();
        var status = await ending;
        // The client may see the connection close gracefully before it has read the status.
        Assert.True(status.StatusCode == StatusCode.Unavailable || IsOrderlyClose(status), status.ToString());
        Assert.False(File.Exists(target.Socket));
    }

    private static bool IsOrderlyClose(Status status)
    {
        for (var e = status.DebugException; e is not null; e = e.InnerException)
        {
            if (e is HttpProtocolException { ErrorCode: 0 })
            {
                return true;
            }
        }

        return false;
    }
}
