using System.Globalization;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>IDs that learned flows may refer to are not assigned again, whatever happens to the database.</summary>
public sealed class IdMarkTests
{
    [Fact]
    public async Task The_mark_is_written_before_the_first_row_with_an_ID()
    {
        await using var core = await CoreHarness.StartAsync();
        Assert.Empty(Marks(core));
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        Assert.Equal([IdMark.Step], Marks(core));
        EntryUpdate[] log = [.. core.Target.Log];
        Assert.True(Array.FindIndex(log, u => u.Entry.Table.Alias == "held") < Array.FindIndex(log,
            u => K8sTableOrder.Instance.HasIds(u.Entry.Table)));
        // The mark is written once per step: the IDs in between need no Write.
        var updates = core.Target.Updates;
        await core.SetAsync(
            TestService.Of(1, TestService.Remote(1)) with { Ports = [TestService.Port(1, System.Net.Sockets.ProtocolType.Tcp, 80)] });
        Assert.Equal([IdMark.Step], Marks(core));
        Assert.DoesNotContain(core.Target.Log.Skip(updates), u => u.Entry.Table.Alias == "held");
        await core.SetAsync(TestService.Of(2, [.. Enumerable.Range(1, 2100).Select(i => TestService.Remote(i))]));
        Assert.Equal([2 * IdMark.Step], Marks(core));
        // Reading back uses up no IDs.
        await Task.Delay(100);
        Assert.InRange(core.Programmer.Status.LastServiceNumber, 4200u, 4220u);
        await core.SettledAsync();
    }

    [Fact]
    public async Task The_mark_is_not_reported_as_a_difference_after_a_restart()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        var updates = core.Target.Updates;
        for (var i = 0; i < 3; i++)
        {
            await core.RestartAsync();
            await core.SettledAsync();
            Assert.Equal(0, core.Programmer.Status.LastReconcile.Total);
        }

        Assert.Equal(updates, core.Target.Updates);
        Assert.Equal([IdMark.Step], Marks(core));
    }

    [Fact]
    public async Task IDs_are_not_reused_after_the_database_is_deleted()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(2)));
        var ids = Ids(core);
        await core.KillAsync();
        Delete(core);
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Empty(Ids(core));
        Assert.Equal([IdMark.Step], Marks(core));
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(2)));
        Assert.Empty(Ids(core).Intersect(ids));
        Assert.Equal([2 * IdMark.Step], Marks(core));
        await core.SettledAsync();
    }

    [Fact]
    public async Task IDs_are_not_reused_after_an_older_copy_of_the_database_is_restored()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        var kept = Ids(core);
        var copy = Copy(core);
        // Too few for another mark: only the flows on the target show that these IDs were assigned.
        await core.SetAsync(TestService.Of(2, TestService.Remote(2)));
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(3)));
        var given = Ids(core);
        await core.KillAsync();
        PutBack(core, copy);
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(kept, Ids(core));
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(4)));
        await core.SetAsync(TestService.Of(5, TestService.Remote(5)));
        Assert.Equal(kept.Order(), Ids(core).Intersect(given).Order());
        await core.SettledAsync();
    }

    [Fact]
    public async Task IDs_assigned_while_the_mark_is_unknown_are_replaced()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.SetAsync(TestService.Of(1, TestService.Pod(1)));
        await core.SetAsync(TestService.Of(2, TestService.Pod(1)));
        var copy = Copy(core);
        await core.SetAsync(TestService.Of(3, TestService.Remote(3)));
        var given = Ids(core);
        await core.KillAsync();
        PutBack(core, copy);
        core.Target.Disconnect();
        await core.RestartAsync(ready: false);
        // Both services get the same new incarnation of the address.
        await core.DetachAsync(TestNode.Pod(1));
        var early = core.Programmer.Services[TestService.Key(1)].State.Ports[0].Backends[0].EndpointId;
        Assert.Contains(early, given);
        // Another start without the target changes nothing: the mark is still unknown.
        await core.RestartAsync(ready: false);
        Assert.Contains(core.Programmer.Services[TestService.Key(1)].State.Ports[0].Backends[0].EndpointId, given);
        core.Target.Connect();
        await core.SettledAsync();
        ServiceState[] states = [.. core.Programmer.Services.Values.Select(s => s.State)];
        Assert.Equal(2, states.Length);
        Assert.Single(states.Select(s => s.Ports[0].Backends[0].EndpointId).Distinct());
        Assert.All(states, s => Assert.DoesNotContain(s.Ports[0].Backends[0].EndpointId, given));
        Assert.All(states, s => Assert.DoesNotContain(s.Ports[0].Backends[0].Id, given));
        Assert.Equal(ServiceTables.Expect(states.Select(s => s.Spec)), ServiceTables.Render(core.Target.Rows));
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(states.OrderBy(s => s.Key), core.Programmer.Services.Values.Select(s => s.State).OrderBy(s => s.Key));
    }

    [Fact]
    public async Task No_row_with_an_ID_is_written_if_the_target_refuses_the_mark()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Refuses = u => u.Entry.Table.Alias == "held" && u.Kind == UpdateKind.Insert
            ? StatusCode.ResourceExhausted
            : StatusCode.OK;
        var error = await Assert.ThrowsAsync<IntentException>(() => core.SetAsync(TestService.Of(1, TestService.Remote(1))));
        Assert.Equal(IntentError.ResourceExhausted, error.Code);
        Assert.DoesNotContain(core.Target.Log, u => K8sTableOrder.Instance.HasIds(u.Entry.Table));
        await core.AttachAsync(TestNode.Pod(1));
        core.Target.Refuses = _ => StatusCode.OK;
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        await core.SettledAsync();
        Assert.Single(Marks(core));
    }

    [Fact]
    public async Task The_mark_is_restored_after_the_target_lost_its_pipeline()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        core.Target.Restart();
        await core.SettledAsync();
        Assert.Equal([IdMark.Step], Marks(core));
    }

    [Fact]
    public async Task When_all_IDs_are_used_services_wait_until_the_target_loses_its_flows()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        await core.KillAsync();
        using (var store = SqliteStore.Open(core.DatabasePath, NullLogger.Instance))
        {
            var model = store.Load();
            model.ServiceIds.SetLast(uint.MaxValue - 1);
            store.Commit(model);
        }

        await core.RestartAsync();
        var error = await Assert.ThrowsAsync<IntentException>(() => core.SetAsync(TestService.Of(2, TestService.Remote(2))));
        Assert.Equal(IntentError.ResourceExhausted, error.Code);
        Assert.StartsWith("all 2^32 IDs", error.Message, StringComparison.Ordinal);
        // Everything else continues to work.
        await core.AttachAsync(TestNode.Pod(1));
        await core.DetachAsync(TestNode.Pod(1));
        core.Target.Restart();
        await core.SettledAsync();
        await core.SetAsync(TestService.Of(2, TestService.Remote(2)));
        Assert.All(Ids(core), id => Assert.InRange(id, 1u, IdMark.Step));
        Assert.Equal([IdMark.Step], Marks(core));
        Assert.Equal(ServiceTables.Expect([TestService.Of(1, TestService.Remote(1)), TestService.Of(2, TestService.Remote(2))]),
            ServiceTables.Render(core.Target.Rows));
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.InRange(core.Programmer.Status.LastServiceNumber, 1u, IdMark.Step);
    }

    [Theory]
    [InlineData(1u, 4096u)]
    [InlineData(4096u, 4096u)]
    [InlineData(4097u, 8192u)]
    [InlineData(4294963201u, 4294967295u)]
    [InlineData(4294967295u, 4294967295u)]
    public void The_mark_is_rounded_up_to_whole_steps(uint id, uint mark) => Assert.Equal(mark, IdMark.Covering(id));

    [Fact]
    public void The_mark_is_distinguished_from_rows_that_hold_packets_back()
    {
        var marks = new IdMark(TestPipeline.Artifacts.Pipeline);
        Assert.Equal(8192u, marks.Of(marks.For(5000)));
        foreach (var kind in new[] { 1UL, 2UL })
        {
            Assert.Equal(0u,
                marks.Of(TestPipeline.Artifacts.Pipeline.Table("held").NewEntry().Exact("kind", kind).Exact("value", 8192)
                    .Action("hold").Build()));
        }
    }

    private static uint[] Marks(CoreHarness core)
    {
        var marks = new IdMark(TestPipeline.Artifacts.Pipeline);
        return [.. core.Target.Rows.Select(marks.Of).Where(m => m > 0).Order()];
    }

    /// <summary>The IDs of frontends, backends and endpoints, which learned flows refer to.</summary>
    private static HashSet<uint> Ids(CoreHarness core) =>
    [
        .. core.Target.Rows.Where(r => r.Table.Alias == "frontends").Select(r => Number(r.EnumerateMatch().Single().Value.Span)),
        .. core.Target.Rows.Where(r => r.Table.Alias == "backends").Select(r => Number(r.EnumerateMatch().Single().Value.Span)),
        .. core.Target.Rows.Where(r => r.Table.Alias == "endpoints").Select(r => Number(r.EnumerateParams().Single().Value.Span)),
    ];

    private static uint Number(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? 0 : uint.Parse(Convert.ToHexString(value), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>The current files of the database, as in a snapshot of the disk.</summary>
    private static Dictionary<string, byte[]> Copy(CoreHarness core) =>
        Directory.GetFiles(Path.GetDirectoryName(core.DatabasePath)!).Where(f => !f.EndsWith("-shm", StringComparison.Ordinal))
            .ToDictionary(f => f, File.ReadAllBytes);

    private static void PutBack(CoreHarness core, Dictionary<string, byte[]> copy)
    {
        Delete(core);
        foreach ((var file, var contents) in copy)
        {
            File.WriteAllBytes(file, contents);
        }
    }

    private static void Delete(CoreHarness core)
    {
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(core.DatabasePath)!))
        {
            File.Delete(file);
        }
    }
}
