using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;
using Atomicity = P4.V1.WriteRequest.Types.Atomicity;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Behavior of whole batches.</summary>
public sealed class BatchTests(ConformanceFixture fixture) : IClassFixture<ConformanceFixture>
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    private TargetClient Client => fixture.Target.Client;

    private static TableEntry Bridge(ulong mac) => Pipeline.Entry("bridge", [Exact(1, mac)], Pipeline.Do("forward", 3));

    private Task<List<TableEntry>> BridgesAsync() =>
        Client.ReadEntriesAsync(new TableEntry { TableId = Pipeline.Table("bridge").Preamble.Id });

    [Theory]
    [InlineData(0, 1, "", StatusCode.InvalidArgument)]
    [InlineData(2, 1, "", StatusCode.NotFound)]
    [InlineData(1, 0, "", StatusCode.InvalidArgument)]
    [InlineData(1, 2, "", StatusCode.PermissionDenied)]
    [InlineData(1, 1, "other", StatusCode.PermissionDenied)]
    public async Task Only_the_primary_of_a_role_writes(ulong device, ulong election, string role, StatusCode expected)
    {
        var request = TargetClient.Request(TargetClient.Insert(Bridge(1)));
        request.DeviceId = device;
        request.ElectionId = new Uint128 { Low = election };
        request.Role = role;
        var e = await Assert.ThrowsAsync<RpcException>(() => Client.P4.WriteAsync(request).ResponseAsync);
        Assert.Equal(expected, e.StatusCode);
        Assert.Null(e.Trailers.Get("grpc-status-details-bin"));
        Assert.Empty(await BridgesAsync());
    }

    [Fact]
    public async Task A_write_without_an_election_id_is_refused()
    {
        var request = TargetClient.Request(TargetClient.Insert(Bridge(1)));
        request.ElectionId = null;
        var e = await Assert.ThrowsAsync<RpcException>(() => Client.P4.WriteAsync(request).ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
    }

    [Fact]
    public async Task Another_roles_primary_writes_too()
    {
        await Client.BecomePrimaryAsync(40, "routing");
        var request = TargetClient.Request(TargetClient.Insert(Bridge(2)), TargetClient.Delete(Bridge(2)));
        request.ElectionId.Low = 40;
        request.Role = "routing";
        await Client.P4.WriteAsync(request);
    }

    [Fact]
    public async Task A_former_primary_cannot_write()
    {
        await using var target = await TestTarget.StartAsync(Pipeline);
        await target.Client.BecomePrimaryAsync(2);
        var e = await Assert.ThrowsAsync<RpcException>(() => target.Client.WriteAsync(TargetClient.Insert(Bridge(1))));
        Assert.Equal(StatusCode.PermissionDenied, e.StatusCode);
    }

    [Fact]
    public Task An_empty_batch_succeeds() => Client.WriteAsync();

    [Fact]
    public async Task Continue_on_error_applies_valid_updates_and_reports_each_in_order()
    {
        var errors = await Client.ErrorsAsync(TargetClient.Request(
            TargetClient.Insert(Bridge(1)), TargetClient.Insert(Bridge(1)), TargetClient.Insert(Bridge(2)),
                TargetClient.Delete(Bridge(3))));
        Assert.Equal(
            [StatusCode.OK, StatusCode.AlreadyExists, StatusCode.OK, StatusCode.NotFound], errors.Select(e => (StatusCode)e.CanonicalCode));
        Assert.Equal("", errors[0].Message);
        Assert.Equal(2, (await BridgesAsync()).Count);
        await Client.WriteAsync(TargetClient.Delete(Bridge(1)), TargetClient.Delete(Bridge(2)));
    }

    [Theory]
    [InlineData(Atomicity.RollbackOnError)]
    [InlineData(Atomicity.DataplaneAtomic)]
    public async Task A_failed_all_or_nothing_batch_has_no_effect(Atomicity atomicity)
    {
        await Client.WriteAsync(TargetClient.Insert(Bridge(9)));
        var changed = Bridge(9);
        changed.Action = Pipeline.Do("flood_drop");
        var request = TargetClient.Request(
            TargetClient.Insert(Bridge(1)), TargetClient.Modify(changed), TargetClient.Delete(Bridge(9)), TargetClient.Delete(Bridge(3)),
                TargetClient.Insert(Bridge(4)));
        request.Atomicity = atomicity;
        var errors = await Client.ErrorsAsync(request);
        Assert.Equal(
            [StatusCode.Aborted, StatusCode.Aborted, StatusCode.Aborted, StatusCode.NotFound, StatusCode.Aborted],
            errors.Select(e => (StatusCode)e.CanonicalCode));
        Assert.Equal(Bridge(9), Assert.Single(await BridgesAsync()));
        request.Updates.RemoveAt(3);
        await Client.P4.WriteAsync(request);
        Assert.Equal(Bridge(4), Assert.Single(await BridgesAsync(), e => e.Match[0].Exact.Value == Number(4)));
        await Client.WriteAsync(TargetClient.Delete(Bridge(1)), TargetClient.Delete(Bridge(4)));
    }

    [Fact]
    public async Task An_unknown_atomicity_is_refused()
    {
        var request = TargetClient.Request();
        request.Atomicity = (Atomicity)7;
        var e = await Assert.ThrowsAsync<RpcException>(() => Client.P4.WriteAsync(request).ResponseAsync);
        Assert.Equal(StatusCode.Unimplemented, e.StatusCode);
    }

    [Fact]
    public async Task Five_thousand_failed_updates_return_five_thousand_named_errors()
    {
        var request = TargetClient.Request(Enumerable.Range(1, 5000).Select(i => i % 2 == 0
            ? TargetClient.Delete(Bridge((ulong)i))
            : TargetClient.Insert(Pipeline.Entry("route", [Lpm(1, 0x0A000001, 24)], Pipeline.Do("discard")))));
        var errors = await Client.ErrorsAsync(request);
        Assert.Equal(5000, errors.Count);
        for (var i = 0; i < errors.Count; i++)
        {
            Assert.Equal(i % 2 == 1 ? StatusCode.NotFound : StatusCode.InvalidArgument, (StatusCode)errors[i].CanonicalCode);
            Assert.StartsWith(i % 2 == 1 ? "table bridge" : "table route", errors[i].Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_large_batch_is_one_rpc()
    {
        var entries = Enumerable.Range(1, 1000).Select(i => Bridge((ulong)i)).ToList();
        await Client.P4.WriteAsync(TargetClient.Request(entries.Select(TargetClient.Insert)));
        Assert.Equal(entries.OrderBy(e => e.ToString()), (await BridgesAsync()).OrderBy(e => e.ToString()));
        await Client.P4.WriteAsync(TargetClient.Request(entries.Select(TargetClient.Delete)));
        Assert.Empty(await BridgesAsync());
    }

    [Theory]
    [InlineData("entity kinds this target lacks", 5)]
    [InlineData("entity kinds this target lacks", 9)]
    public async Task Entities_without_an_extern_are_unimplemented(string why, int field)
    {
        // Update { type: INSERT, entity { FIELD {} } }, encoded by hand: the client has no such message.
        var update = Update.Parser.ParseFrom([0x08, 1, 0x12, 2, (byte)((field << 3) | 2), 0]);
        Assert.True((int)StatusCode.Unimplemented == (await Client.FailAsync(update)).CanonicalCode, why);
    }

    [Fact]
    public async Task Split_and_reordered_messages_are_parsed_as_protobuf_specifies()
    {
        var entry = Bridge(0xABCD);
        entry.Metadata = Bytes(7);

        // Parts of the entry out of order, and the entity in two parts, which a parser merges.
        var first = new TableEntry { TableId = entry.TableId, Action = entry.Action };
        var second = new TableEntry { Metadata = entry.Metadata };
        second.Match.Add(entry.Match);
        byte[] entity = [.. new Entity { TableEntry = second }.ToByteArray(), .. new Entity { TableEntry = first }.ToByteArray()];
        byte[] update = [0x12, (byte)entity.Length, .. entity, 0x08, 1];
        var request = new List<byte>(TargetClient.Request().ToByteArray());
        request.AddRange([0x22, (byte)update.Length, .. update]);
        await RawWriteAsync([.. request]);
        Assert.Equal(entry, Assert.Single(await BridgesAsync()));
        await Client.WriteAsync(TargetClient.Delete(entry));
    }

    [Fact]
    public async Task Malformed_bytes_are_rejected_and_change_nothing()
    {
        var good = TargetClient.Request(TargetClient.Insert(Bridge(1)), TargetClient.Insert(Bridge(2))).ToByteArray();
        for (var cut = 1; cut < good.Length; cut++)
        {
            var bytes = good[..cut];
            try
            {
                WriteRequest.Parser.ParseFrom(bytes);
                continue;
            }
            catch (InvalidProtocolBufferException)
            {
            }

            var e = await Assert.ThrowsAsync<RpcException>(() => RawWriteAsync(bytes));
            Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        }

        Assert.Empty(await BridgesAsync());
    }

    private async Task RawWriteAsync(byte[] request)
    {
        var bytes = Marshallers.Create<byte[]>(b => b, b => b);
        var method = new Method<byte[], byte[]>(MethodType.Unary, "p4.v1.P4Runtime", "Write", bytes, bytes);
        await Client.Channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, request);
    }
}
