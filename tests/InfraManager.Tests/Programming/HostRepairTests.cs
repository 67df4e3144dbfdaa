using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>Whatever a host reports can always be undone: by its next start or by the operator.</summary>
public class HostRepairTests
{
    private const ulong Most = ulong.MaxValue;

    [Fact]
    public async Task Attachments_planted_by_a_hostile_host_are_removed_by_the_next_sync()
    {
        await using var core = await CoreHarness.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            await core.AttachAsync(TestNode.Pod(i, Most, network: $"planted-{i}"));
        }

        await core.SyncAsync(TestNode.Sync(Most, [.. Enumerable.Range(0, 5).Select(i => TestNode.Pod(i, Most, network: $"planted-{i}"))]));
        await core.RestartAsync();

        var begun = await core.BeginAsync();
        Assert.Equal(5, begun.Attachments.Count);
        var outcome = await core.SyncAsync(new SyncIntent("node-1", begun.Epoch, 1, [TestNode.Pod(7, 1, ip: 3)]));

        Assert.Equal((1, 5), (outcome.Added, outcome.Removed));
        Assert.Equal(TestNode.Key(7), Assert.Single(await core.SettledAsync()).Endpoint.Key);
    }

    [Fact]
    public async Task An_epoch_is_durable_before_it_is_returned_and_needs_no_target()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Disconnect();
        var epoch = (await core.BeginAsync()).Epoch;
        await core.RestartAsync(ready: false);
        Assert.Equal((epoch, "agent-1"), (core.Programmer.Status.Agent.Epoch, core.Programmer.Status.Agent.Name));
        Assert.Equal(epoch + 1, (await core.BeginAsync()).Epoch);
        core.Target.Connect();
    }

    [Fact]
    public async Task A_removal_by_the_operator_is_durable_and_reaches_the_target()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, Most));
        await core.AttachAsync(TestNode.Pod(2, Most));
        var removed = await core.Programmer.SubmitAsync(new RemoveEndpointsIntent { Address = TestNode.Ip(1) }, default);
        Assert.Equal(TestNode.Key(1), Assert.Single(removed.Removed).Key);
        Assert.Equal(TestNode.Key(2), Assert.Single(await core.SettledAsync()).Endpoint.Key);
        await core.RestartAsync();
        Assert.Single(await core.SettledAsync());
        Assert.Equal("key",
            (await Assert.ThrowsAsync<IntentException>(() => core.Programmer.SubmitAsync(new RemoveEndpointsIntent(), default))).Field);

        Assert.Single((await core.Programmer.SubmitAsync(new ResetHostIntent("node-1"), default)).Removed);
        Assert.Empty(await core.SettledAsync());
        Assert.Empty(core.EndpointRows);
        Assert.Equal("epoch", (await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(2, 1)))).Field);
    }

    [Theory]
    [InlineData(1_900_000_000L, 5L)]
    [InlineData(-1L, -1L)]
    public async Task Epochs_chosen_by_a_host_do_not_lock_agents_out_after_an_update(long epoch, long sequence)
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.AttachAsync(TestNode.Pod(2, 1, network: "planted"));
        await core.KillAsync();
        // The database as the previous release left it.
        Sql(core.DatabasePath, $"""
            DROP TABLE agents;
            DROP TABLE node_facts;
            DROP TABLE remote_nodes;
            DROP TABLE neighbors;
            DROP TABLE policy_objects;
            DROP TABLE policy_sync;
            ALTER TABLE endpoints DROP COLUMN host_ports;
            ALTER TABLE endpoints DROP COLUMN pointer;
            CREATE TABLE sync_floors (node TEXT NOT NULL, network TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (node, network)) STRICT, WITHOUT ROWID;
            INSERT INTO sync_floors VALUES ('node-1', '', {epoch}, {sequence}), ('node-1', 'net', {epoch}, {sequence});
            INSERT INTO tombstones VALUES (1, 'net', 'container-3', 'eth0', 'node-1', {epoch}, {sequence});
            UPDATE endpoints SET epoch = {epoch}, sequence = {sequence};
            PRAGMA user_version = 2;
            """);
        await core.RestartAsync();

        Assert.Equal(2, (await core.SettledAsync()).Count);
        var begun = await core.BeginAsync();
        Assert.Equal((1UL, 2), (begun.Epoch, begun.Attachments.Count));
        var outcome = await core.SyncAsync(new SyncIntent("node-1", 1, 1, [TestNode.Pod(1, Most, epoch: Most)]));
        Assert.Equal((1, 1), (outcome.Kept, outcome.Removed));
        await core.AttachAsync(TestNode.Pod(3, 2));
        Assert.Equal(2, (await core.SettledAsync()).Count);
    }

    [Fact]
    public async Task The_longest_list_does_not_trigger_the_watchdog()
    {
        // Limits that even a busy machine does not reach: this test is about work, not about the target's response times.
        var long1 = TimeSpan.FromSeconds(50);
        await using var core = await CoreHarness.StartAsync(options: o =>
            o with { WriteLimit = long1, PortLimit = long1, OutcomeLimit = long1 });
        var count = Protos.ProtocolLimits.MaxAttachments;
        using CancellationTokenSource done = new();
        var watch = Task.Run(() => WatchAsync(core, done.Token));
        await core.SyncAsync(TestNode.Sync(1, [.. Enumerable.Range(0, count).Select(i => TestNode.Pod(i, 1))]));
        var outcome = await core.SyncAsync(TestNode.Sync(2, [.. Enumerable.Range(0, count).Select(i => TestNode.Pod(i, 2, ip: i + 1))]));
        Assert.Equal(count, outcome.Added);
        Assert.True((await core.DetachAsync(TestNode.Pod(1), 3)).Removed);
        await done.CancelAsync();
        (var looks, var unhealthy) = await watch;
        Assert.True(looks > 2);
        Assert.Equal(0, unhealthy);
        Assert.True(core.Programmer.IsHealthy);
    }

    /// <summary>
    /// Checks the health like the watchdog, only more often: health that returns only when the work is done would be too late.
    /// </summary>
    private static async Task<(int Looks, int Unhealthy)> WatchAsync(CoreHarness core, CancellationToken done)
    {
        (var looks, var unhealthy) = (0, 0);
        while (!done.IsCancellationRequested)
        {
            looks++;
            if (!core.Programmer.IsHealthy)
            {
                unhealthy++;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), done).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return (looks, unhealthy);
    }

    private static void Sql(string path, string text)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}
