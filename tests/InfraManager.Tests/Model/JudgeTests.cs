using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Model;

public class JudgeTests
{
    private readonly NetworkModel _model = new();
    private readonly EndpointAdmission _judge;
    private readonly AdmissionContext _context = new() { IsForeignPort = n => n.StartsWith("foreign", StringComparison.Ordinal) };

    public JudgeTests()
    {
        _judge = new EndpointAdmission(_model, TestNode.Settings);
        _judge.Begin(TestNode.Begin);
        _model.Forget();
    }

    [Fact]
    public void A_repeated_request_adds_no_attachment()
    {
        var first = Attach(TestNode.Pod(1, 1));
        var second = Attach(TestNode.Pod(1, 1));
        Assert.Same(first, second);
        Assert.Single(_model.Endpoints.Values);
    }

    [Fact]
    public void A_repeat_with_a_newer_sequence_number_updates_only_the_number()
    {
        var first = Attach(TestNode.Pod(1, 1));
        var second = Attach(TestNode.Pod(1, 9));
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(9UL, _model.Endpoints.Find(first.Id)!.Spec.Sequence);
        Sync(5);
        Assert.Single(_model.Endpoints.Values);
    }

    [Fact]
    public void A_changed_request_updates_the_endpoint_and_releases_its_old_resources()
    {
        var first = Attach(TestNode.Pod(1, 1));
        var second = Attach(TestNode.Pod(1, 2, ip: 7, mac: 7, port: 7));
        Assert.Equal(first.Id, second.Id);
        Assert.True(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
        Attach(TestNode.Pod(2, 3, ip: 1, mac: 1, port: 1));
        Assert.False(_model.PortRemovals.ContainsKey(TestNode.PortName(1)));
    }

    [Fact]
    public void Resources_of_another_endpoint_are_refused_with_the_field()
    {
        Attach(TestNode.Pod(1, 1));
        Assert.Equal("device.mac", Refused(IntentError.AlreadyExists, () => Attach(TestNode.Pod(2, 2, mac: 1))).Field);
        Assert.Equal("device.port_name", Refused(IntentError.AlreadyExists, () => Attach(TestNode.Pod(2, 2, port: 1))).Field);
        Assert.Equal("addresses[0]", Refused(IntentError.AlreadyExists, () => Attach(TestNode.Pod(2, 2, ip: 1))).Field);
        Attach(TestNode.Host(3));
        Assert.Equal("kind",
            Refused(IntentError.AlreadyExists, () =>
                Attach(TestNode.Host(4) with { Key = TestNode.Key(6), Mac = TestNode.Pod(6).Mac, PortName = "x", Addresses = [] })).Field);
        Assert.Equal(2, _model.Endpoints.Count);
    }

    [Fact]
    public void A_device_reused_by_a_24_01_agent_ends_its_previous_attachment()
    {
        // Such an agent does not report a DEL whose namespace is gone.
        static EndpointSpec Pod(int number, int port, int? ip = null) =>
            TestNode.Pod(number, port: port, ip: ip) with { Origin = ApiOrigin.InfraAgent };
        Attach(Pod(1, port: 1));
        Attach(TestNode.Pod(3, 1));
        _model.Forget();
        var before = Dump();
        // A refused request ends no attachment.
        Refused(IntentError.InvalidArgument, () => Attach(Pod(2, port: 1) with { Addresses = [] }));
        Refused(IntentError.AlreadyExists, () => Attach(Pod(2, port: 1, ip: 3)));
        Refused(IntentError.AlreadyExists, () => Attach(Pod(2, port: 3)));
        Assert.Equal(before, Dump());
        Attach(Pod(2, port: 1, ip: 1));
        Assert.Equal([TestNode.Key(2), TestNode.Key(3)], _model.Endpoints.Values.Select(e => e.Key).OrderBy(k => k.ContainerId));
        Assert.True(_model.Endpoints.HolderOfPort(TestNode.PortName(1))!.OwnsPort);
        // Repeating an attachment does not add another one.
        Attach(Pod(2, port: 1, ip: 1));
        Assert.Equal(2, _model.Endpoints.Count);
    }

    [Fact]
    public void Endpoints_of_another_node_are_not_changed()
    {
        Attach(TestNode.Pod(1, 1));
        var theirs = TestNode.Pod(1, 5) with { Node = "node-2" };
        Refused(IntentError.PermissionDenied, () => Attach(theirs));
        Refused(IntentError.PermissionDenied, () => _judge.Detach(TestNode.Detach(theirs, 9)));
        _judge.Begin(new BeginIntent("node-2", "agent-2"));
        _judge.Sync(new SyncIntent("node-2", 1, 9, []), _context);
        Assert.Single(_model.Endpoints.Values);
    }

    [Fact]
    public void An_older_attach_is_refused_after_a_newer_attach_detach_or_sync()
    {
        Attach(TestNode.Pod(1, 5));
        Assert.Equal("sequence", Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(1, 4, ip: 9))).Field);
        Assert.True(_judge.Detach(TestNode.Detach(TestNode.Pod(1), 6)));
        Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(1, 5)));
        Sync(10);
        Assert.Empty(_model.Tombstones.Values);
        Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(1, 7)));
        Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(2, 9)));
        Attach(TestNode.Pod(2, 11));
        Assert.Equal("epoch",
            Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(3, 99, epoch: 0) with { Epoch = 0 })).Field);
    }

    [Fact]
    public void An_older_detach_does_not_remove_a_newer_attachment()
    {
        Attach(TestNode.Pod(1, 5));
        Assert.False(_judge.Detach(TestNode.Detach(TestNode.Pod(1), 4)));
        Assert.Single(_model.Endpoints.Values);
    }

    [Fact]
    public void Detaching_an_unknown_attachment_succeeds() => Assert.False(_judge.Detach(TestNode.Detach(TestNode.Pod(1), 4)));

    [Fact]
    public void Sync_removes_unlisted_adds_missing_and_keeps_other_attachments()
    {
        Attach(TestNode.Pod(1, 1));
        Attach(TestNode.Pod(2, 2));
        Attach(TestNode.Pod(3, 3, network: "other"));
        Attach(TestNode.Pod(4, 20));
        Attach(TestNode.Pod(5) with { Origin = ApiOrigin.InfraAgent });
        var outcome = Sync(10, TestNode.Pod(2, 2), TestNode.Pod(6, 4));
        Assert.Equal((1, 1, 2), (outcome.Kept, outcome.Added, outcome.Removed));
        Assert.Empty(outcome.Failures);
        Assert.Equal([2, 4, 5, 6], _model.Endpoints.Values.Select(e => int.Parse(e.Key.ContainerId.AsSpan(10), null)).Order());
    }

    [Fact]
    public void An_older_sync_is_refused()
    {
        Sync(10);
        Assert.Equal("sequence", Refused(IntentError.FailedPrecondition, () => Sync(9)).Field);
        Sync(10);
        Assert.Equal("epoch",
            Refused(IntentError.FailedPrecondition, () => _judge.Sync(new SyncIntent("node-1", 0, 99, []), _context)).Field);
    }

    [Fact]
    public void An_older_list_does_not_undo_a_newer_attach()
    {
        Attach(TestNode.Pod(1, 12, ip: 8));
        var outcome = Sync(10, TestNode.Pod(1, 3));
        Assert.Equal(1, outcome.Kept);
        Assert.Equal(TestNode.Ip(8), _model.Endpoints.Values.Single().Spec.Addresses[0]);
    }

    [Fact]
    public void An_older_list_does_not_restore_a_detached_attachment()
    {
        _judge.Detach(TestNode.Detach(TestNode.Pod(1), 12));
        var outcome = Sync(10, TestNode.Pod(1, 3));
        Assert.Equal(IntentError.FailedPrecondition, outcome.Failures.Single().Error.Code);
        Assert.Empty(_model.Endpoints.Values);
    }

    [Fact]
    public void Sync_moves_an_address_from_one_attachment_to_another()
    {
        Attach(TestNode.Pod(1, 1));
        Attach(TestNode.Pod(2, 2));
        var outcome = Sync(10, TestNode.Pod(1, 3, ip: 2), TestNode.Pod(2, 4, ip: 9));
        Assert.Empty(outcome.Failures);
        Assert.Equal(2, outcome.Added);
    }

    [Fact]
    public void Invalid_items_of_a_sync_do_not_affect_the_others()
    {
        var outcome = Sync(10, TestNode.Pod(1, 1), TestNode.Pod(2, 2, ip: 1), TestNode.Pod(3, 3, network: "elsewhere"),
            TestNode.Pod(4, 4) with { Mtu = 1 });
        Assert.Equal((0, 2, 0, 2), (outcome.Kept, outcome.Added, outcome.Removed, outcome.Failures.Count));
    }

    [Fact]
    public void While_the_target_is_unavailable_a_sync_removes_but_cannot_add()
    {
        Attach(TestNode.Pod(1, 1));
        AdmissionContext away = new() { AddsRefused = IntentException.Unavailable("away") };
        var outcome = _judge.Sync(TestNode.Sync(10, TestNode.Pod(2, 2)), away);
        Assert.Equal((0, 0, 1, 1), (outcome.Kept, outcome.Added, outcome.Removed, outcome.Failures.Count));
        Refused(IntentError.Unavailable, () => _judge.Attach(TestNode.Pod(3, 20), away));
    }

    [Fact]
    public void Foreign_ports_are_not_owned_and_not_removed()
    {
        var endpoint = Attach(TestNode.Pod(1, 1) with { PortName = "foreign0" });
        Assert.False(endpoint.OwnsPort);
        _judge.Detach(TestNode.Detach(endpoint.Spec, 2));
        Assert.Empty(_model.PortRemovals.Keys);
    }

    [Fact]
    public void Undo_restores_everything()
    {
        Attach(TestNode.Pod(1, 1));
        Attach(TestNode.Pod(2, 2));
        _judge.Detach(TestNode.Detach(TestNode.Pod(9), 3));
        _model.Forget();
        var before = Dump();
        Attach(TestNode.Pod(1, 4, ip: 7, port: 7));
        _judge.Detach(TestNode.Detach(TestNode.Pod(2), 5));
        Attach(TestNode.Pod(3, 6, ip: 2, mac: 2, port: 2));
        Sync(10, TestNode.Pod(4, 7));
        Assert.NotEqual(before, Dump());
        _model.Undo();
        Assert.Equal(before, Dump());
        Attach(TestNode.Pod(3, 16, ip: 3));
    }

    [Fact]
    public void Tombstones_are_bounded()
    {
        for (var i = 0; i < TombstoneTable.MaxCount + 100; i++)
        {
            _judge.Detach(TestNode.Detach(TestNode.Pod(i), (ulong)i + 1));
        }

        Assert.Equal(TombstoneTable.MaxCount, _model.Tombstones.Count);
        Assert.Null(_model.Tombstones.Find(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(0))));
    }

    [Fact]
    public void A_renewed_tombstone_is_not_the_oldest()
    {
        _judge.Detach(TestNode.Detach(TestNode.Pod(0), 1));
        Attach(TestNode.Pod(0, 2));
        for (var i = 1; i < TombstoneTable.MaxCount; i++)
        {
            _judge.Detach(TestNode.Detach(TestNode.Pod(i), (ulong)i + 2));
        }

        const ulong Last = 20_000;
        _judge.Detach(TestNode.Detach(TestNode.Pod(0), Last));
        _judge.Detach(TestNode.Detach(TestNode.Pod(TombstoneTable.MaxCount), Last + 1));
        Assert.Equal(TombstoneTable.MaxCount, _model.Tombstones.Count);
        Refused(IntentError.FailedPrecondition, () => Attach(TestNode.Pod(0, Last - 1)));
        Assert.Null(_model.Tombstones.Find(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(1))));
    }

    private static IntentException Refused(IntentError code, Action action)
    {
        var e = Assert.Throws<IntentException>(action);
        Assert.Equal(code, e.Code);
        return e;
    }

    private Endpoint Attach(EndpointSpec spec)
    {
        new AttachIntent(spec).Validate(TestNode.Settings);
        return _judge.Attach(spec, _context);
    }

    private SyncOutcome Sync(ulong sequence, params EndpointSpec[] list) => _judge.Sync(TestNode.Sync(sequence, list), _context);

    private string Dump() => string.Join('\n', [
        .. _model.Endpoints.Values.OrderBy(e => e.Id)
            .Select(e => $"{e.Id} {e.Spec.Key} {e.Spec.PortName} {e.Spec.Mac} {string.Join(',', e.Spec.Addresses)} {e.Spec.Stamp}"),
        .. _model.Agents.Keys.Select(k => $"{k}: {_model.Agents.Of(k)}").Order(),
        .. _model.Tombstones.Values.Select(t => t.ToString()).Order(),
        .. _model.PortRemovals.Keys.Order()]);
}
