using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.TestKit.Logging;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>Felix behind an agent: when it is in sync, and what happens to messages that are not taken.</summary>
public sealed class AgentSessionTests : IDisposable
{
    private static readonly FelixMessage Route = new FelixIgnored(23);
    private static readonly FelixMessage Set = new FelixSetUpdate("s:a", FelixSetKind.Net, FelixMembers.None);
    private static readonly FelixMessage Pod = new FelixEndpointUpdate(FelixEndpointId.OfPod("prod/web"), new FelixEndpoint());

    private readonly FakeTimeProvider _time = new();
    private readonly LogCollector _log = new();
    private readonly FelixWorld _world = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public void It_is_in_sync_when_no_endpoint_has_come_for_2_s()
    {
        var snapshot = new AgentSnapshot(_time);
        Assert.Null(snapshot.Remaining);
        snapshot.Note(Set);
        snapshot.Note(Pod);
        Assert.Equal(TimeSpan.FromSeconds(2), snapshot.Remaining);

        _time.Advance(TimeSpan.FromSeconds(1.5));
        snapshot.Note(Pod);
        // Other messages, such as changes of a set, may go on.
        _time.Advance(TimeSpan.FromSeconds(1.5));
        snapshot.Note(Set);
        Assert.Equal(TimeSpan.FromSeconds(0.5), snapshot.Remaining);
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(TimeSpan.Zero, snapshot.Remaining);
    }

    [Fact]
    public void Endpoints_that_go_on_changing_put_it_off_by_60_s_at_most()
    {
        var snapshot = new AgentSnapshot(_time);
        for (var i = 0; i < 60; i++)
        {
            snapshot.Note(Pod);
            Assert.NotEqual(TimeSpan.Zero, snapshot.Remaining);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(TimeSpan.Zero, snapshot.Remaining);
    }

    [Fact]
    public void A_node_without_endpoints_is_in_sync_60_s_after_the_last_message_about_policy()
    {
        var snapshot = new AgentSnapshot(_time);
        snapshot.Note(Route);
        _time.Advance(TimeSpan.FromSeconds(59));
        snapshot.Note(Set);
        _time.Advance(TimeSpan.FromSeconds(59));
        snapshot.Note(Route);
        Assert.Equal(TimeSpan.FromSeconds(1), snapshot.Remaining);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, snapshot.Remaining);
    }

    [Fact]
    public async Task A_call_waits_until_the_programmer_takes_its_message()
    {
        var isFull = true;
        await using var session = new AgentSession(
            (intent, cancel) => isFull && intent.Messages.Count > 0
                ? throw new IntentException(IntentError.ResourceExhausted, "the queue is full")
                : _world.SubmitAsync(intent, cancel),
            _time, _log.CreateLogger("Felix"));
        await session.BeginAsync(CancellationToken.None);

        var call = session.TakeAsync(ToDataplane.SetRemove, new byte[] { 0x0a, 1, (byte)'s' }, CancellationToken.None);
        await Eventually.TrueAsync(() => _log.Contains("the queue is full; trying again"), "it is refused");
        Assert.False(call.IsCompleted);
        isFull = false;
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return call.IsCompleted;
            },
            "it is taken");
        await call;
        Assert.Equal(FelixState.NotInSync, session.Status.State);
    }

    [Fact]
    public async Task A_message_that_is_not_taken_in_time_or_given_up_is_the_last_one()
    {
        foreach (var isLate in (bool[])[true, false])
        {
            var taken = 0;
            await using var session = new AgentSession(
                async (intent, cancel) =>
                {
                    if (intent.Messages.Count > 0)
                    {
                        Interlocked.Increment(ref taken);
                        await Task.Delay(Timeout.Infinite, cancel);
                    }

                    return await _world.SubmitAsync(intent, cancel);
                },
                _time, _log.CreateLogger("Felix"));
            await session.BeginAsync(CancellationToken.None);
            using var agent = new CancellationTokenSource();
            var call = session.TakeAsync(ToDataplane.SetRemove, new byte[] { 0x0a, 1, (byte)'s' }, agent.Token);
            await Eventually.TrueAsync(() => Volatile.Read(ref taken) > 0, "it is submitted");
            if (isLate)
            {
                _time.Advance(TimeSpan.FromMinutes(2));
            }
            else
            {
                await agent.CancelAsync();
            }

            var error = await Assert.ThrowsAsync<FelixStreamException>(() => call);
            Assert.Equal(isLate ? "not within 120 s" : "the agent gave up", error.Message);
            Assert.Contains(error.Message, session.Status.Absence, StringComparison.Ordinal);
            var before = taken;
            await Assert.ThrowsAsync<FelixStreamException>(
                () => session.TakeAsync(ToDataplane.SetRemove, new byte[] { 0x0a, 1, (byte)'s' }, CancellationToken.None));
            Assert.Equal(before, taken);
        }
    }

    [Fact]
    public async Task A_call_of_a_former_agent_ends_when_the_next_one_starts()
    {
        var session = new AgentSession(
            async (intent, cancel) =>
            {
                await Task.Delay(intent.Messages.Count > 0 ? Timeout.Infinite : 0, cancel);
                return await _world.SubmitAsync(intent, cancel);
            },
            _time, _log.CreateLogger("Felix"));
        await session.BeginAsync(CancellationToken.None);
        var call = session.TakeAsync(ToDataplane.SetRemove, new byte[] { 0x0a, 1, (byte)'s' }, CancellationToken.None);
        await session.DisposeAsync();

        var error = await Assert.ThrowsAsync<FelixStreamException>(() => call.WaitAsync(Eventually.Limit));
        Assert.Contains("another agent has started", error.Message, StringComparison.Ordinal);
        Assert.False(_log.Contains("was lost"));
    }

    // For instance, the programmer has loaded its state anew after an internal error.
    [Fact]
    public async Task A_programmer_that_has_begun_anew_needs_the_agent_to_start_again()
    {
        await using var session = new AgentSession(
            async (intent, cancel) => intent.Step == FelixStep.Begin ? await _world.SubmitAsync(intent, cancel) : FelixView.None,
            _time, _log.CreateLogger("Felix"));
        await session.BeginAsync(CancellationToken.None);
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return session.Status.State == FelixState.NoFelix;
            },
            "it notices");
        Assert.Contains("the service has begun anew", session.Status.Absence, StringComparison.Ordinal);
    }
}
