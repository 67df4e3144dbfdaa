using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.TestKit;
using ACCOffload.P4Runtime.Tests.Support;
using ACCOffload.P4Wire;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class WriteTests
{
    private const string Details = "grpc-status-details-bin";

    [Fact]
    public async Task A_Write_arrives_as_one_request_with_the_device_and_election_ID()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync(o => o with { DeviceId = 3 });
        var updates = Pods(2500);
        var result = await session.WriteAsync(updates, default);
        Assert.True(result.AllOk, result.ToString());
        var request = Assert.Single(target.Behaviour.Writes);
        Assert.Equal(3ul, request.DeviceId);
        Assert.Equal(session.ElectionId, ElectionId.FromProto(request.ElectionId));
        Assert.Equal(updates.Select(ReferenceCodec.Update), request.Updates);
        Assert.True((await session.WriteAsync(default, default)).AllOk);
        Assert.Single(target.Behaviour.Writes);
    }

    [Fact]
    public async Task Five_thousand_failed_updates_return_five_thousand_named_errors()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (request, _) => throw Failure(request.Updates.Select((_, i) => Error(
                StatusCode.AlreadyExists, $"entry {i} exists in table main.control.pods, and a few more words to reach a hundred bytes"))),
        });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(5000), default);
        Assert.Equal(WriteOutcome.Failed, result.Outcome);
        Assert.Equal(5000, result.Errors.Count);
        for (var i = 0; i < 5000; i++)
        {
            Assert.Equal(i, result.Errors[i].Index);
            Assert.StartsWith($"INSERT pods dst_ip=10.0.{i >> 8}.{i & 255}: ALREADY_EXISTS: entry {i} exists", result.Errors[i].Message,
                StringComparison.Ordinal);
            Assert.True(result.Errors[i].IsDefinite);
        }

        Assert.StartsWith("5000 of 5000 updates failed; the first: INSERT pods dst_ip=10.0.0.0", result.Message, StringComparison.Ordinal);
        Assert.Equal(SessionState.Primary, session.State);
    }

    [Fact]
    public async Task Only_the_updates_that_failed_are_errors()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (_, _) => throw Failure([Error(StatusCode.OK), Error(StatusCode.NotFound, "no\nsuch entry"),
                Error((StatusCode)4711, "odd"), Error(StatusCode.Internal)]),
        });
        await using var session = await target.PrimaryAsync();
        var updates = Pods(4);
        updates[1] = updates[1] with { Kind = UpdateKind.Delete };
        var result = await session.WriteAsync(updates, default);
        Assert.Equal([1, 2, 3], result.Errors.Select(e => e.Index));
        Assert.Equal("DELETE pods dst_ip=10.0.0.1: NOT_FOUND: no such entry", result.Errors[0].Message);
        Assert.Equal(StatusCode.Unknown, result.Errors[1].Code);
        Assert.Equal([true, false, false], result.Errors.Select(e => e.IsDefinite));
    }

    [Theory]
    [InlineData(StatusCode.PermissionDenied)]
    [InlineData(StatusCode.InvalidArgument)]
    [InlineData(StatusCode.ResourceExhausted)]
    [InlineData(StatusCode.FailedPrecondition)]
    [InlineData(StatusCode.Unimplemented)]
    public async Task A_definite_status_without_details_rejects_the_whole_Write(StatusCode code)
    {
        await using var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnWrite = (_, _) => throw new RpcException(new Status(code, "says no")) });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(3), default);
        Assert.Equal(WriteOutcome.Rejected, result.Outcome);
        Assert.Equal(code, result.Code);
        Assert.Equal($"the target refused the Write: {RpcFault.Name(code)}: says no", result.Message);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.DeadlineExceeded)]
    [InlineData(StatusCode.Cancelled)]
    [InlineData(StatusCode.Internal)]
    [InlineData(StatusCode.Unknown)]
    [InlineData(StatusCode.Aborted)]
    public async Task An_ambiguous_status_leaves_the_outcome_unknown(StatusCode code)
    {
        await using var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnWrite = (_, _) => throw new RpcException(new Status(code, "perhaps")) });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(3), default);
        Assert.Equal(WriteOutcome.Unknown, result.Outcome);
        Assert.Contains("perhaps", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Malformed_details_are_an_unknown_outcome()
    {
        var details = Array.Empty<byte>();
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (_, _) => throw new RpcException(new Status(StatusCode.Unknown, ""), [new Metadata.Entry(Details, details)]),
        });
        await using var session = await target.PrimaryAsync();

        await Expect(StatusWith([Error(StatusCode.NotFound)]).ToByteArray(), "1 error details for 3 updates");
        await Expect(StatusWith([.. Enumerable.Repeat(Error(StatusCode.NotFound), 4)]).ToByteArray(), "4 error details");
        await Expect(StatusWith([.. Enumerable.Repeat(Error(StatusCode.OK), 3)]).ToByteArray(), "all of its updates are reported as OK");
        await Expect([1, 2, 3, 255], "malformed");
        var foreign = new Google.Rpc.Status();
        foreign.Details.AddRange(Enumerable.Repeat(new Any { TypeUrl = "type.googleapis.com/google.rpc.Help" }, 3));
        await Expect(foreign.ToByteArray(), "not P4Runtime errors");
        var bad = StatusWith([Error(StatusCode.OK), Error(StatusCode.OK)]);
        bad.Details.Add(new Any { TypeUrl = "x/p4.v1.Error", Value = ByteString.CopyFrom(255, 255) });
        await Expect(bad.ToByteArray(), "malformed");

        async Task Expect(byte[] bytes, string says)
        {
            details = bytes;
            var result = await session.WriteAsync(Pods(3), default);
            Assert.Equal(WriteOutcome.Unknown, result.Outcome);
            Assert.Contains(says, result.Message, StringComparison.Ordinal);
            Assert.Equal(SessionState.Primary, session.State);
        }
    }

    [Fact]
    public async Task A_trailer_that_is_not_base64_is_an_unknown_outcome()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = async (_, context) =>
            {
                var http = context.GetHttpContext();
                http.Response.ContentType = "application/grpc";
                http.Response.AppendTrailer("grpc-status", "2");
                http.Response.AppendTrailer(Details, "###not base64###");
                await http.Response.CompleteAsync();
            },
        });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(3), default);
        Assert.Equal(WriteOutcome.Unknown, result.Outcome);
        Assert.Equal(SessionState.Primary, session.State);
    }

    [Fact]
    public async Task Details_larger_than_accepted_do_not_look_like_a_dead_peer()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (request, _) => throw Failure(request.Updates.Select(_ => Error(StatusCode.NotFound, new string('x', 3_000)))),
        });
        await using var session = await target.PrimaryAsync(o => o with { MaxUpdatesPerWrite = 100, MinHeaderBytes = 1000 });
        var result = await session.WriteAsync(Pods(100), default);
        Assert.Equal(WriteOutcome.Unknown, result.Outcome);
        Assert.True(result.IsAnswerTooLarge, result.ToString());
        Assert.Contains("send fewer updates at once", result.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "being primary");
        await Eventually.TrueAsync(
            () => session.WriteAsync(Pods(10), default).GetAwaiter().GetResult().Errors.Count == 10, "a smaller Write getting its answer");
    }

    [Fact]
    public async Task Errors_with_long_texts_fit()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (request, _) => throw Failure(request.Updates.Select(_ => Error(StatusCode.NotFound, new string('x', 3_000)))),
        });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(3000), default);
        Assert.Equal(3000, result.Errors.Count);
        Assert.Equal(512, result.Errors[0].Reason.Length);
        Assert.Equal(1, session.ConnectionId);
    }

    [Fact]
    public async Task A_lost_reply_is_an_unknown_outcome_and_the_session_recovers()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnWrite = (_, context) =>
            {
                context.GetHttpContext().Abort();
                return Task.Delay(Timeout.Infinite, context.CancellationToken);
            },
        });
        await using var session = await target.PrimaryAsync();
        var result = await session.WriteAsync(Pods(3), default);
        Assert.Equal(WriteOutcome.Unknown, result.Outcome);
        Assert.Single(target.Behaviour.Writes);
        target.Behaviour.OnWrite = null;
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "being primary");
        Assert.True((await session.WriteAsync(Pods(3), default)).AllOk);
    }

    [Fact]
    public async Task A_hanging_target_exceeds_the_deadline_and_a_dying_one_leaves_the_outcome_unknown()
    {
        var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnWrite = (_, context) => Task.Delay(Timeout.Infinite, context.CancellationToken) });
        await using var session = await target.PrimaryAsync(o => o with { WriteTimeout = TimeSpan.FromMilliseconds(300) });
        var late = await session.WriteAsync(Pods(3), default);
        Assert.Equal(WriteOutcome.Unknown, late.Outcome);
        Assert.Equal(StatusCode.DeadlineExceeded, late.Code);

        await using var patient = await target.PrimaryAsync();
        var pending = patient.WriteAsync(Pods(3), default);
        await Eventually.TrueAsync(() => target.Behaviour.Writes.Count == 2, "the second Write");
        await target.DisposeAsync();
        Assert.Equal(WriteOutcome.Unknown, (await pending).Outcome);
    }

    [Fact]
    public async Task A_caller_that_cancels_gets_a_result_too()
    {
        await using var target = await TestTarget.StartAsync(
            new TargetBehaviour { OnWrite = (_, context) => Task.Delay(Timeout.Infinite, context.CancellationToken) });
        await using var session = await target.PrimaryAsync();
        using var caller = new CancellationTokenSource();
        var pending = session.WriteAsync(Pods(3), caller.Token);
        await Eventually.TrueAsync(() => target.Behaviour.Writes.Count == 1, "the Write");
        await caller.CancelAsync();
        Assert.Equal(WriteOutcome.Unknown, (await pending).Outcome);
        Assert.Equal(WriteOutcome.NotSent, (await session.WriteAsync(Pods(3), caller.Token)).Outcome);
        Assert.Equal(SessionState.Primary, session.State);
    }

    [Fact]
    public async Task Too_many_updates_for_a_Write_are_rejected()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync(o => o with { MaxUpdatesPerWrite = 10 });
        await Assert.ThrowsAsync<ArgumentException>(() => session.WriteAsync(Pods(11), default));
        Assert.Empty(target.Behaviour.Writes);
    }

    [Fact]
    public async Task Concurrent_Writes_do_not_mix()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour { OnWrite = (_, _) => Task.Delay(1) });
        await using var session = await target.PrimaryAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var updates = Enumerable.Range(0, 100)
                .Select(j => new EntryUpdate(UpdateKind.Insert, TestPipeline.Pod((uint)j, (uint)i))).ToArray();
            Assert.True((await session.WriteAsync(updates, default)).AllOk);
        }));
        Assert.Equal(50, target.Behaviour.Writes.Count);
        Assert.All(target.Behaviour.Writes, w =>
            Assert.Single(w.Updates.Select(u => u.Entity.TableEntry.Action.Action.Params[0].Value).Distinct()));
    }

    internal static EntryUpdate[] Pods(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new EntryUpdate(UpdateKind.Insert, TestPipeline.Pod(0x0a000000 + (uint)i)))];

    private static Error Error(StatusCode code, string message = "") => new() { CanonicalCode = (int)code, Message = message };

    private static Google.Rpc.Status StatusWith(IEnumerable<Error> errors)
    {
        var status = new Google.Rpc.Status { Code = (int)StatusCode.Unknown };
        status.Details.AddRange(errors.Select(e => Any.Pack(e)));
        return status;
    }

    private static RpcException Failure(IEnumerable<Error> errors) =>
        new(new Status(StatusCode.Unknown, "some updates failed"), [new Metadata.Entry(Details, StatusWith(errors).ToByteArray())]);
}
