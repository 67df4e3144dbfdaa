using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Model;

public class EpochTests
{
    private const ulong Most = ulong.MaxValue;
    private readonly NetworkModel _model = new();
    private readonly EndpointAdmission _judge;
    private readonly AdmissionContext _context = new();

    public EpochTests() => _judge = new EndpointAdmission(_model, TestNode.Settings);

    [Fact]
    public void Each_Begin_increments_the_epoch_and_returns_the_attachments()
    {
        Assert.Equal(1UL, Begin("a").Epoch);
        _judge.Attach(TestNode.Pod(1, 5), _context);
        _judge.Attach(TestNode.Pod(2) with { Origin = ApiOrigin.InfraAgent }, _context);
        var second = Begin("b");
        Assert.Equal((2UL, "a"), (second.Epoch, second.PreviousAgent));
        Assert.Equal([TestNode.Key(1)], second.Attachments.Select(s => s.Key));
    }

    [Fact]
    public void An_epoch_that_was_not_assigned_is_refused_with_the_field_and_a_remedy()
    {
        foreach (var epoch in (ulong[])[1, 1_700_000_000, Most])
        {
            Assert.Contains("call Begin", Refused(epoch).Message, StringComparison.Ordinal);
        }

        Begin("a");
        Begin("b");
        foreach (var epoch in (ulong[])[0, 1, 3, 1_700_000_000, Most])
        {
            Refused(epoch);
        }

        Assert.Contains("the current epoch is 2 (agent b)", Refused(1).Message, StringComparison.Ordinal);
        Assert.Empty(_model.Endpoints.Values);
        _judge.Attach(TestNode.Pod(1, 1, epoch: 2), _context);
        // Repeats are checked too: an agent that has lost its epoch must notice it.
        Begin("c");
        Assert.Equal("epoch", Assert.Throws<IntentException>(() => _judge.Attach(TestNode.Pod(1, 1, epoch: 2), _context)).Field);
    }

    [Fact]
    public void The_largest_sequence_number_is_void_in_the_next_epoch()
    {
        Begin("hostile");
        _judge.Attach(TestNode.Pod(1, Most), _context);
        _judge.Attach(TestNode.Pod(2, Most, network: "elsewhere"), _context);
        _judge.Sync(new SyncIntent("node-1", 1, Most, [TestNode.Pod(1, Most), TestNode.Pod(3, Most)]), _context);
        _judge.Detach(TestNode.Detach(TestNode.Pod(9), Most));

        var epoch = Begin("host").Epoch;
        var outcome = _judge.Sync(new SyncIntent("node-1", epoch, 1, [TestNode.Pod(1, 1, ip: 8)]), _context);

        Assert.Equal((0, 1, 1), (outcome.Kept, outcome.Added, outcome.Removed));
        _judge.Attach(TestNode.Pod(4, 2, ip: 2, epoch: epoch), _context);
        _judge.Attach(TestNode.Pod(9, 3, epoch: epoch), _context);
        Assert.Equal([1, 4, 9], _model.Endpoints.Values.Select(e => int.Parse(e.Key.ContainerId.AsSpan(10), null)).Order());
    }

    [Fact]
    public void Sequence_numbers_in_a_list_are_limited_to_that_of_the_list()
    {
        Begin("hostile");
        _judge.Sync(new SyncIntent("node-1", 1, 5, [TestNode.Pod(1, Most, epoch: Most), TestNode.Pod(2, 3, epoch: 1)]), _context);
        Assert.Equal([new RequestStamp(1, 5), new RequestStamp(1, 3)],
            _model.Endpoints.Values.OrderBy(e => e.Key.ContainerId).Select(e => e.Spec.Stamp));
        _judge.Sync(new SyncIntent("node-1", 1, 6, []), _context);
        Assert.Empty(_model.Endpoints.Values);
    }

    [Fact]
    public void Epochs_do_not_wrap_around()
    {
        _model.Agents.Set("node-1", new AgentState(Most, 0, "a"));
        _model.Forget();
        var e = Assert.Throws<IntentException>(() => Begin("b"));
        Assert.Equal((IntentError.ResourceExhausted, "epoch"), (e.Code, e.Field));
        Assert.Equal(0, _model.Mark);
        _judge.Reset(new ResetHostIntent("node-1"));
        Assert.Equal(2UL, Begin("b").Epoch);
    }

    [Fact]
    public void A_reset_removes_everything_from_the_host_and_ends_its_epoch()
    {
        Begin("a");
        _judge.Attach(TestNode.Pod(1, 1), _context);
        _judge.Attach(TestNode.Pod(2) with { Origin = ApiOrigin.InfraAgent }, _context);
        _judge.Detach(TestNode.Detach(TestNode.Pod(3), Most));

        var outcome = _judge.Reset(new ResetHostIntent("node-1"));

        Assert.Equal(2, outcome.Removed.Count);
        Assert.Equal((0, 0), (_model.Endpoints.Count, _model.Tombstones.Count));
        Assert.True(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
        Refused(1);
        Assert.Equal(3UL, Begin("a").Epoch);
    }

    [Fact]
    public void The_operator_can_remove_endpoints_of_either_API_by_key_address_or_mac()
    {
        Begin("a");
        _judge.Attach(TestNode.Pod(1, Most), _context);
        _judge.Attach(TestNode.Pod(2) with { Origin = ApiOrigin.InfraAgent }, _context);
        _judge.Attach(TestNode.Pod(3, 1), _context);
        Assert.Equal([TestNode.Key(1)], _judge.Remove(new RemoveEndpointsIntent { Key = TestNode.Key(1) }).Removed.Select(s => s.Key));
        Assert.Equal([TestNode.Key(2)], _judge.Remove(new RemoveEndpointsIntent { Address = TestNode.Ip(2) }).Removed.Select(s => s.Key));
        Assert.Empty(_judge.Remove(new RemoveEndpointsIntent { Mac = TestNode.Pod(3).Mac, Address = TestNode.Ip(9) }).Removed);
        Assert.Equal([TestNode.Key(3)], _judge.Remove(new RemoveEndpointsIntent { Mac = TestNode.Pod(3).Mac }).Removed.Select(s => s.Key));
        Assert.Empty(_judge.Remove(new RemoveEndpointsIntent { Key = TestNode.Key(3) }).Removed);
    }

    [Fact]
    public void Endpoints_per_API_are_limited_to_the_size_of_a_list()
    {
        Begin("a");
        for (var i = 0; i < Protos.ProtocolLimits.MaxAttachments; i++)
        {
            _judge.Attach(TestNode.Pod(i, 1), _context);
        }

        Assert.Equal(IntentError.ResourceExhausted,
            Assert.Throws<IntentException>(() => _judge.Attach(TestNode.Pod(4999, 1), _context)).Code);
        // A change does not count as new, and the other API has its own limit.
        _judge.Attach(TestNode.Pod(1, 2, ip: 4998), _context);
        _judge.Attach(TestNode.Pod(4999) with { Origin = ApiOrigin.InfraAgent }, _context);
        Assert.Equal(Protos.ProtocolLimits.MaxAttachments, Begin("b").Attachments.Count);
    }

    private BeginOutcome Begin(string agent) => _judge.Begin(new BeginIntent("node-1", agent));

    private IntentException Refused(ulong epoch)
    {
        IntentException[] refusals =
        [
            Assert.Throws<IntentException>(() => _judge.Attach(TestNode.Pod(1, 7, epoch: epoch), _context)),
            Assert.Throws<IntentException>(() => _judge.Detach(new DetachIntent("node-1", ApiOrigin.Offload, TestNode.Key(1), epoch, 7))),
            Assert.Throws<IntentException>(() => _judge.Sync(new SyncIntent("node-1", epoch, 7, []), _context)),
        ];
        Assert.All(refusals, r => Assert.Equal((IntentError.FailedPrecondition, "epoch"), (r.Code, r.Field)));
        return refusals[0];
    }
}
