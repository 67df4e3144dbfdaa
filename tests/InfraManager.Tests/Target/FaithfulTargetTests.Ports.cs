using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Existing and missing ports.</content>
public sealed partial class FaithfulTargetTests
{
    [Fact]
    public async Task Ports_created_by_the_targets_own_scripts_are_used_unchanged()
    {
        await StartAsync(new FaithfulBehaviours(), scriptTaps: [.. Pool.Select(p => new ScriptTap(p, TimeSpan.Zero))]);

        await ReadyAsync();

        Assert.Equal(Pool, _target.Ports.Keys.Order());
        Assert.Equal(1, _target.Pushes);
    }

    [Fact]
    public async Task Ports_are_created_with_the_MTU_of_the_node()
    {
        _node = Node with { Mtu = 9000 };
        await StartAsync(new FaithfulBehaviours());

        await ReadyAsync();

        Assert.Equal(Pool.Length, _target.Mtus.Count);
        Assert.All(_target.Mtus.Values, m => Assert.Equal(9000, m));
    }

    [Fact]
    public async Task A_port_outside_the_pool_is_neither_requested_nor_considered_existing()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();

        // The chassis configuration names it. A LINK would be acknowledged with OK but not created, and either way its number would be
        // reported as 0, which is another port's.
        await Assert.ThrowsAsync<IntentException>(() => AttachAsync(1, "TAP9"));

        Assert.Equal(0, _programmer.Status.Endpoints);
        Assert.Empty(Rows("pods"));
    }

    [Fact]
    public async Task A_link_that_is_acknowledged_but_not_created_is_not_used()
    {
        _node = TestNode.Settings;
        await StartAsync(FaithfulBehaviours.None with { LinkNeedsPciBdf = true }, pool: []);
        await ReadyAsync();

        var refused = await Assert.ThrowsAsync<IntentException>(() => AttachAsync(1, TestNode.PortName(1)));

        Assert.Contains("reports no number", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, _programmer.Status.Endpoints);
    }

    [Fact]
    public async Task A_lent_port_is_returned_without_being_deleted()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await LendAsync(1);
        await _programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(1), 9), default);
        await ReconciledAsync();
        await CloseAsync();

        Open();
        await ReconciledAsync();

        Assert.Equal(0, _target.PortDeletes);
    }

    [Fact]
    public async Task A_port_lent_to_a_refused_request_is_kept_and_lent_again()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        _target.Refuses = e => e.TableEntry is not null;
        await Assert.ThrowsAsync<IntentException>(() => LendAsync(1));
        _target.Refuses = _ => false;

        for (ulong pod = 1; pod <= 4; pod++)
        {
            await LendAsync((int)pod, sequence: 10 + pod);
        }

        await ReconciledAsync();

        Assert.Equal(0, _target.PortDeletes);
    }
}
