using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Existing and missing ports.</content>
public sealed partial class FaithfulTargetTests
{
    [Fact]
    public async Task Ports_that_the_targets_own_scripts_made_are_taken_as_they_are()
    {
        await StartAsync(new FaithfulBehaviours(), ownTaps: [.. Pool.Select(p => new OwnTap(p, TimeSpan.Zero))]);

        await ReadyAsync();

        Assert.Equal(Pool, _target.Ports.Keys.Order());
        Assert.Equal(1, _target.Pushes);
    }

    [Fact]
    public async Task Ports_are_made_with_the_nodes_MTU()
    {
        _node = Node with { Mtu = 9000 };
        await StartAsync(new FaithfulBehaviours());

        await ReadyAsync();

        Assert.Equal(Pool.Length, _target.Mtus.Count);
        Assert.All(_target.Mtus.Values, m => Assert.Equal(9000, m));
    }

    [Fact]
    public async Task A_port_beyond_the_pool_is_neither_asked_for_nor_taken_for_one_that_is_there()
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
    public async Task A_link_that_is_answered_with_OK_and_not_made_is_no_port()
    {
        _node = TestNode.Settings;
        await StartAsync(FaithfulBehaviours.None with { LinkNeedsPciBdf = true }, pool: []);
        await ReadyAsync();

        var refused = await Assert.ThrowsAsync<IntentException>(() => AttachAsync(1, TestNode.PortName(1)));

        Assert.Contains("reports no number", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, _programmer.Status.Endpoints);
    }

    [Fact]
    public async Task A_lent_port_comes_back_without_being_deleted()
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
    public async Task A_port_lent_for_what_was_refused_stays_and_is_lent_again()
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
