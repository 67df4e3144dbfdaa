using System.Buffers.Binary;
using System.IO.Pipelines;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.TestKit.Logging;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>One connection: states, what Felix is told, limits.</summary>
public sealed class FelixSessionTests : IDisposable
{
    private const string Pod = "prod/web";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    private readonly FelixWorld _world = new();
    private readonly FelixWriter _felix = new(FelixDialect.Kinds);
    private readonly Pipe _input = new();
    private readonly TwoWayStream _stream;
    private readonly LogCollector _log = new();
    private readonly CancellationTokenSource _cancel = new(TimeSpan.FromSeconds(60));
    private Func<FelixIntent, CancellationToken, Task<FelixView>> _submit;

    public FelixSessionTests()
    {
        _stream = new TwoWayStream(_input.Reader.AsStream());
        _submit = _world.SubmitAsync;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _log.Dispose();
        _cancel.Dispose();
    }

    [Fact]
    public async Task It_says_how_far_Felix_is_in_force()
    {
        var (mayWrite, messages) = (new TaskCompletionSource(), 0);
        _submit = async (intent, cancel) =>
        {
            Interlocked.Add(ref messages, intent.Messages.Count);
            await (intent.Messages.Count == 0 ? Task.CompletedTask : mayWrite.Task).WaitAsync(cancel);
            return await _world.SubmitAsync(intent, cancel);
        };
        using var session = Start(out var running);
        Assert.Equal("not in sync", $"{session.Status}");

        mayWrite.SetResult();
        await SendAsync(Snapshot());
        await Eventually.TrueAsync(() => session.Status.State == FelixState.InSync, "in sync");
        Assert.Equal(1, session.Status.Endpoints);

        mayWrite = new TaskCompletionSource();
        await SendAsync(_felix.Policy("default.web", [FelixWriter.Rule("deny")], []));
        await Eventually.TrueAsync(() => Volatile.Read(ref messages) == 4, "the policy is read");
        _time.Advance(TimeSpan.FromSeconds(7));
        await Eventually.TrueAsync(() => $"{session.Status}" == "behind by 7 s", () => $"{session.Status}");

        mayWrite.SetResult();
        await Eventually.TrueAsync(() => session.Status.State == FelixState.InSync, "in sync again");
        Assert.False(_world.IsAllowed(Pod, "10.0.0.2"));
        await EndAsync(running);
        Assert.Contains(_log.Lines, l => l.Contains("Felix is in sync: 1 endpoints", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Felix_gets_a_sign_of_life_every_10_s()
    {
        using var session = Start(out var running);
        await Eventually.TrueAsync(() => Answers().Count == 1, "the first");
        for (var i = 2; i <= 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            await Eventually.TrueAsync(() => Answers().Count == i, $"number {i}");
        }

        Assert.Equal(["3 2026-01-02T03:04:05Z 0", "3 2026-01-02T03:04:15Z 10", "3 2026-01-02T03:04:25Z 20"], Answers());
        await EndAsync(running);
    }

    [Fact]
    public async Task Felix_is_told_the_state_of_an_endpoint_when_it_changes()
    {
        using var session = Start(out var running);
        await SendAsync(Snapshot());
        await Eventually.TrueAsync(() => Answers().Contains("6 k8s prod/web eth0 up"), "up");

        await SendAsync(_felix.Endpoint(Pod, ["10.0.0.1/32"], [], [], state: "inactive"));
        await Eventually.TrueAsync(() => Answers().Contains("6 k8s prod/web eth0 down"), "down");
        await SendAsync(_felix.Endpoint(Pod, ["10.0.0.1/32"], [], ["nowhere"]));
        await Eventually.TrueAsync(() => Answers().Contains("6 k8s prod/web eth0 error"), "error");
        Assert.Equal($"endpoint {Pod}", Assert.Single(session.Status.Problems).Subject);
        await Eventually.TrueAsync(() => _log.Contains("is not enforced as written: policy profile nowhere is missing"), "the log");
        await SendAsync(_felix.EndpointRemove(Pod));
        await Eventually.TrueAsync(() => Answers().Contains("7 k8s prod/web eth0"), "removed");

        // A state that has not changed is not sent again.
        Assert.Equal(4, Answers().Count(a => a[0] != '3'));
        await EndAsync(running);
    }

    [Fact]
    public async Task A_frame_above_the_limit_or_cut_off_ends_the_session_and_what_came_before_it_is_written()
    {
        foreach (var end in (byte[][])[[0, 0, 0, 4, 0, 0, 0, 1], [9, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0, 0xff]])
        {
            var world = new FelixWorld();
            using var stream = new TwoWayStream(new MemoryStream([.. Snapshot().SelectMany(m => FelixFrames.Encode(m)), .. end]));
            using var session = new FelixSession(stream, world.SubmitAsync, _time, _log.CreateLogger("Felix"));

            var error = await Assert.ThrowsAsync<FelixStreamException>(() => session.RunAsync(_cancel.Token).WaitAsync(_cancel.Token));

            Assert.DoesNotContain('\n', error.Message);
            Assert.True(world.IsAllowed(Pod, "10.0.0.2"));
            Assert.False(world.Policies.IsInSync);
        }
    }

    [Fact]
    public async Task What_came_before_a_message_that_is_not_protobuf_is_written()
    {
        using var stream = new TwoWayStream(new MemoryStream([.. Snapshot().Append([0xff]).SelectMany(m => FelixFrames.Encode(m))]));
        using var session = new FelixSession(stream, _world.SubmitAsync, _time, _log.CreateLogger("Felix"));

        await Assert.ThrowsAsync<FelixStreamException>(() => session.RunAsync(_cancel.Token).WaitAsync(_cancel.Token));

        Assert.True(_world.IsAllowed(Pod, "10.0.0.2"));
    }

    [Fact]
    public async Task A_frame_that_does_not_arrive_in_time_ends_the_session()
    {
        using var session = Start(out var running);
        await _input.Writer.WriteAsync(FelixFrames.Encode(_felix.InSync()).AsMemory(0, 9), _cancel.Token);
        // The session notes the time when it has seen the first byte.
        for (var i = 0; i < 100 && !running.IsCompleted; i++)
        {
            await Task.Delay(20, _cancel.Token);
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        var error = await Assert.ThrowsAsync<FelixStreamException>(() => running.WaitAsync(_cancel.Token));
        Assert.Equal("Felix began a frame and did not finish it within 60 s", error.Message);
    }

    [Fact]
    public async Task A_batch_that_is_refused_is_submitted_again_until_it_is_in_force()
    {
        var refusals = 0;
        _submit = (intent, cancel) => intent.Messages.Count > 0 && Interlocked.Increment(ref refusals) <= 3
            ? throw IntentException.Unavailable("the disk is full")
            : _world.SubmitAsync(intent, cancel);
        using var session = Start(out var running);
        await SendAsync(Snapshot());
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return session.Status.State == FelixState.InSync;
            },
            "in sync");

        Assert.True(_world.IsAllowed(Pod, "10.0.0.2"));
        Assert.Single(_log.Lines, l => l.Contains("not in effect: the disk is full", StringComparison.Ordinal));
        await EndAsync(running);
    }

    [Fact]
    public async Task It_is_behind_until_the_target_has_the_rows()
    {
        var isInForce = true;
        _submit = async (intent, cancel) => await _world.SubmitAsync(intent, cancel) with { IsInForce = Volatile.Read(ref isInForce) };
        using var session = Start(out var running);
        await SendAsync(Snapshot());
        await Eventually.TrueAsync(() => session.Status.State == FelixState.InSync, "in sync");

        Volatile.Write(ref isInForce, false);
        await SendAsync(_felix.Policy("default.web", [FelixWriter.Rule("deny")], []));
        await Eventually.TrueAsync(() => !_world.IsAllowed(Pod, "10.0.0.2"), "the policy is read");
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal("behind by 4 s", $"{session.Status}");

        Volatile.Write(ref isInForce, true);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return session.Status.State == FelixState.InSync;
            },
            "in sync again");
        await EndAsync(running);
    }

    [Fact]
    public async Task A_service_that_has_begun_anew_ends_the_session_so_that_Felix_sends_everything_again()
    {
        _submit = async (intent, cancel) => intent.Step == FelixStep.Begin ? await _world.SubmitAsync(intent, cancel) : FelixView.None;
        using var session = Start(out var running);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return running.IsCompleted;
            },
            "the end");

        var error = await Assert.ThrowsAsync<FelixStreamException>(() => running);
        Assert.Equal("the service has begun anew, or another Felix has connected", error.Message);
    }

    [Fact]
    public async Task It_can_be_cancelled()
    {
        using var session = Start(out var running);
        await _cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private FelixSession Start(out Task running)
    {
        var session = new FelixSession(_stream, (i, c) => _submit(i, c), _time, _log.CreateLogger("Felix"));
        running = session.RunAsync(_cancel.Token);
        return session;
    }

    private async Task EndAsync(Task running)
    {
        await _input.Writer.CompleteAsync();
        await running.WaitAsync(_cancel.Token);
    }

    private async Task SendAsync(params byte[][] messages)
    {
        foreach (var message in messages)
        {
            await _input.Writer.WriteAsync(FelixFrames.Encode(message), _cancel.Token);
        }
    }

    private byte[][] Snapshot() =>
    [
        _felix.Policy("default.web", [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
        _felix.Endpoint(Pod, ["10.0.0.1/32"], [new FelixTierText("default", "Deny", ["default.web"], ["default.web"])], []),
        _felix.InSync(),
    ];

    /// <summary>What Felix was sent: the field of FromDataplane and its contents. Numbers are checked to have no gap.</summary>
    private List<string> Answers()
    {
        var answers = new List<string>();
        ReadOnlySpan<byte> rest = _stream.Output;
        for (ulong number = 0; !rest.IsEmpty; number++)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            var reader = new ProtoReader(rest.Slice(8, length));
            rest = rest[(8 + length)..];
            var (text, sequence) = ("", 0ul);
            while (reader.MoveNext())
            {
                if (reader.Field == 8)
                {
                    sequence = reader.Number();
                }
                else
                {
                    text = $"{reader.Field}{Fields(reader.Message())}";
                }
            }

            Assert.False(reader.IsMalformed);
            Assert.Equal(number, sequence);
            answers.Add(text);
        }

        return answers;
    }

    private static string Fields(ProtoReader reader)
    {
        var text = "";
        while (reader.MoveNext())
        {
            // The uptime is the only number; ids and states are messages of texts.
            text += reader.TryDouble(out var seconds) ? FormattableString.Invariant($" {seconds}")
                : reader.Bytes() is [0x0a or 0x12 or 0x1a or 0x22, ..] ? Fields(reader.Message())
                : $" {reader.Text()}";
        }

        return text;
    }
}
