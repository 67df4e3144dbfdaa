using ACCOffload.TestKit.Logging;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Security;

public sealed class ConnectionPoolTests : IDisposable
{
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();
    private readonly LogCollector _log = new();
    private readonly ConnectionPool _pool;

    public ConnectionPoolTests() => _pool = new ConnectionPool(
        new ConnectionPoolOptions
        {
            MaxPerGroup = _ => 2,
            MaxConnections = 3,
            Idle = Idle,
            RequestArrival = TimeSpan.FromSeconds(10),
        },
        new RefusalLog(_time, _log.CreateLogger("Security")), _time);

    public void Dispose()
    {
        _pool.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void A_connection_that_ends_while_it_is_being_closed_is_forgotten()
    {
        var first = new FakeConnection();
        var second = new FakeConnection();
        var running = new[] { Run(first, "a"), Run(second, "b") };
        // Both are idle for too long. One reacts by ending the other as well, before its turn.
        first.OnRequestClose = second.End;
        second.OnRequestClose = first.End;
        _time.Advance(Idle);
        Assert.Contains(running, t => t.IsCompleted);
        first.End();
        second.End();
        Assert.All(running, t => Assert.True(t.IsCompletedSuccessfully));
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal((0, 0), (first.Aborts, second.Aborts));
    }

    [Fact]
    public void A_connection_that_its_client_keeps_open_is_aborted_five_seconds_later()
    {
        var connection = new FakeConnection();
        _ = Run(connection, "a");
        _time.Advance(Idle);
        Assert.Equal((1, 0), (connection.CloseRequests, connection.Aborts));
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(0, connection.Aborts);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(0, connection.Aborts);
        connection.End();
    }

    [Theory]
    [InlineData("all 2 connections of the group are in use", "a", "a")]
    [InlineData("all 3 connections are in use", "a", "b", "c")]
    public void A_refusal_names_the_limit_that_is_reached(string expected, params string[] groups)
    {
        var open = groups.Select(g =>
        {
            var connection = new FakeConnection();
            _ = Run(connection, g, isBusy: true);
            return connection;
        }).ToList();
        var late = new FakeConnection();
        _ = Run(late, groups[0], isBusy: true);
        Assert.Equal(1, late.Aborts);
        Assert.EndsWith($"(CN={groups[0]}): {expected}", Assert.Single(_log.Lines), StringComparison.Ordinal);
        open.ForEach(c => c.End());
    }

    [Fact]
    public void A_request_that_does_not_arrive_is_reported_with_the_clients_name()
    {
        var connection = new FakeConnection();
        _ = Run(connection, "a", isBusy: true);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.EndsWith("(CN=a): /x did not arrive within 10 s", Assert.Single(_log.Lines), StringComparison.Ordinal);
        connection.End();
    }

    private Task Run(FakeConnection connection, string group, bool isBusy = false) => _pool.RunAsync(connection, group, $"CN={group}", c =>
    {
        if (isBusy)
        {
            var request = new Microsoft.AspNetCore.Http.DefaultHttpContext();
            request.Request.Path = "/x";
            c.Features.Get<TrackedConnection>()!.Begin(request);
        }

        return connection.Ended;
    });

    private sealed class FakeConnection : DefaultConnectionContext, IConnectionLifetimeNotificationFeature
    {
        // The pool's cleanup runs within End.
        private readonly TaskCompletionSource _ended = new();

        public FakeConnection() => Features.Set<IConnectionLifetimeNotificationFeature>(this);

        public Task Ended => _ended.Task;

        public Action OnRequestClose { get; set; } = () => { };

        public int CloseRequests { get; private set; }

        public int Aborts { get; private set; }

        public CancellationToken ConnectionClosedRequested { get; set; }

        public void End() => _ended.TrySetResult();

        public void RequestClose()
        {
            CloseRequests++;
            OnRequestClose();
        }

        public override void Abort(ConnectionAbortedException abortReason) => Aborts++;
    }
}
