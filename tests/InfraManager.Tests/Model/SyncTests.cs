using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Model;

public class SyncTests
{
    private readonly NetworkModel _model = new();
    private readonly EndpointAdmission _judge;
    private readonly AdmissionContext _context = new();

    public SyncTests()
    {
        _judge = new EndpointAdmission(_model, TestNode.Settings);
        _judge.Begin(TestNode.Begin);
    }

    [Fact]
    public void Attachments_can_swap_addresses_in_a_cycle()
    {
        for (var i = 0; i < 3; i++)
        {
            _judge.Attach(TestNode.Pod(i, 1), _context);
        }

        var outcome = Sync(2,
            [.. Enumerable.Range(0, 3).Select(i => TestNode.Pod(i, 2, ip: (i + 1) % 3, mac: (i + 1) % 3, port: (i + 1) % 3))]);
        Assert.Empty(outcome.Failures);
        Assert.Equal(3, outcome.Added);
        Assert.Equal(TestNode.Ip(0), Held(2).Addresses[0]);
        Assert.Empty(_model.PortRemovals.Keys);
    }

    [Fact]
    public void A_failed_item_keeps_its_resources_and_items_that_wanted_them_fail_too()
    {
        _judge.Attach(TestNode.Pod(9) with { Origin = ApiOrigin.InfraAgent }, _context);
        for (var i = 0; i < 4; i++)
        {
            _judge.Attach(TestNode.Pod(i, 1), _context);
        }

        EndpointSpec[] before = [.. Enumerable.Range(0, 3).Select(Held)];
        // 0 wants 1's address, 1 wants 2's, 2 wants one that the other API holds; 3 is free to move.
        var outcome = Sync(2, TestNode.Pod(0, 2, ip: 1), TestNode.Pod(1, 2, ip: 2), TestNode.Pod(2, 2, ip: 9), TestNode.Pod(3, 2, ip: 7));
        Assert.Equal([0, 1, 2], outcome.Failures.Select(f => f.Index));
        Assert.All(outcome.Failures, f => Assert.Equal(IntentError.AlreadyExists, f.Error.Code));
        Assert.Equal((1, 0), (outcome.Added, outcome.Removed));
        Assert.Equal(before, Enumerable.Range(0, 3).Select(Held));
        Assert.Equal([0, 1, 2, 7], Enumerable.Range(0, 4).Select(i => (int)Held(i).Addresses[0].GetAddressBytes()[3]));
    }

    [Fact]
    public void An_unreadable_item_keeps_the_attachment_with_its_key()
    {
        _judge.Attach(TestNode.Pod(1, 1), _context);
        _judge.Attach(TestNode.Pod(2, 1), _context);
        var sync = TestNode.Sync(2, TestNode.Pod(3, 2)) with
        {
            Unreadable = [new SyncItemFailure(TestNode.Key(1), 0, IntentException.Invalid("device.mac", "empty")),
                new SyncItemFailure(null, 2, IntentException.Invalid("key", "missing"))],
        };
        var outcome = _judge.Sync(sync, _context);
        Assert.Equal((0, 1, 1), (outcome.Kept, outcome.Added, outcome.Removed));
        Assert.Equal([0, 2], outcome.Failures.Select(f => f.Index));
        Assert.Equal([TestNode.Key(1), TestNode.Key(3)], _model.Endpoints.Values.Select(e => e.Key));
    }

    [Fact]
    public void Duplicate_items_fail_and_change_nothing()
    {
        _judge.Attach(TestNode.Pod(1, 1), _context);
        var outcome = Sync(2, TestNode.Pod(1, 2, ip: 5), TestNode.Pod(2, 2), TestNode.Pod(1, 2, ip: 6));
        Assert.Equal([0, 2], outcome.Failures.Select(f => f.Index));
        Assert.Equal(TestNode.Ip(1), Held(1).Addresses[0]);
    }

    [Fact]
    public void A_sync_covers_all_networks()
    {
        for (var i = 0; i < 70; i++)
        {
            _judge.Attach(TestNode.Pod(i, 1, network: $"planted-{i}"), _context);
        }

        var outcome = Sync(2, TestNode.Pod(100, 2, ip: 1, network: new string('n', 256)));
        Assert.Equal((1, 70), (outcome.Added, outcome.Removed));
        Assert.Empty(outcome.Failures);
    }

    /// <summary>Every item waits for the next one's address, MAC and port, in the worst order for trying them one by one.</summary>
    [Theory]
    [InlineData(1024, false)]
    [InlineData(4096, false)]
    [InlineData(1024, true)]
    [InlineData(4096, true)]
    public void The_work_is_linear_in_the_length_of_the_list(int count, bool blocked)
    {
        for (var i = 0; i < count; i++)
        {
            _judge.Attach(TestNode.Pod(i, 1), _context);
        }

        if (blocked)
        {
            _judge.Attach(TestNode.Pod(count) with { Origin = ApiOrigin.InfraAgent }, _context);
        }

        _model.Forget();
        var outcome = Sync(2, [.. Enumerable.Range(0, count).Select(i => TestNode.Pod(i, 2, ip: i + 1, mac: i + 1, port: i + 1))]);
        Assert.Equal(blocked ? (0, count) : (count, 0), (outcome.Added, outcome.Failures.Count));
        // Each item is removed and added, a failed one twice; plus port changes and the sequence number.
        Assert.InRange(_model.Mark, count, (5 * count) + 8);
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(4096)]
    public void The_work_is_linear_for_children_of_one_parent(int count)
    {
        EndpointSpec[] list = [.. Enumerable.Range(0, count)
            .Select(i => TestNode.Pod(i, 1, mac: 0, port: 0) with { Device = DeviceKind.Ipvlan })];
        Assert.Equal(count, Sync(1, list).Added);
        _model.Forget();
        Assert.Equal(count, Sync(2, [.. list.Select((s, i) => s with { Addresses = [TestNode.Ip((i + 1) % count)] })]).Added);
        Assert.InRange(_model.Mark, count, (3 * count) + 8);
        Assert.Equal(count, Sync(3).Removed);
        Assert.Equal([TestNode.PortName(0)], _model.PortRemovals.Keys);
    }

    [Fact]
    public void Items_that_would_exceed_the_port_limit_fail()
    {
        var judge = new EndpointAdmission(_model, TestNode.Settings with { Devices = new DeviceRules { MaxPorts = 2 } });
        judge.Attach(Child(1, port: 1), _context);
        judge.Attach(Child(2, port: 1), _context);
        judge.Attach(TestNode.Pod(3, 1, port: 3), _context);
        // 1 wants a port of its own. 2 wants 3's address, fails and stays on the common port: together they would need three ports.
        var outcome = judge.Sync(TestNode.Sync(5, Child(1, port: 4), Child(2, port: 1) with { Addresses = [TestNode.Ip(3)] },
            TestNode.Pod(3, 2, port: 3)), _context);
        Assert.True(_model.Endpoints.CountPorts() <= 2);
        Assert.Equal(2, outcome.Failures.Count);
        Assert.Equal([TestNode.PortName(1), TestNode.PortName(1), TestNode.PortName(3)],
            _model.Endpoints.Values.OrderBy(e => e.Key.ContainerId).Select(e => e.Spec.PortName));

        static EndpointSpec Child(int number, int port) =>
            TestNode.Pod(number, 1, mac: port, port: port) with { Device = DeviceKind.Ipvlan };
    }

    [Fact]
    public void An_item_that_fails_beside_endpoints_with_the_same_port_number_keeps_its_former_state()
    {
        // Stored while ports had numbers of their own; these MAC addresses have the same one.
        _judge.Attach(TestNode.Pod(1, 1), _context);
        _judge.Attach(TestNode.Pod(2, 1), _context);
        var judge = new EndpointAdmission(_model, TestNode.Settings with { Devices = new DeviceRules { PortRule = PortRule.Mac } });
        var before = Held(1);
        var outcome = judge.Sync(TestNode.Sync(2, TestNode.Pod(1, 2, ip: 5), TestNode.Pod(2, 1)), _context);
        Assert.Equal([0], outcome.Failures.Select(f => f.Index));
        Assert.Equal(1, outcome.Kept);
        Assert.Equal(before, Held(1));
    }

    /// <summary>For any list: each item is applied completely or not at all, and nothing is held twice.</summary>
    [Fact]
    public void Each_item_is_applied_completely_or_not_at_all() =>
        Gen.Select(Gen.Int[0, 7], Gen.Int[0, 9], Gen.Int[0, 9], Gen.Int[0, 9]).Array[0, 8].Array[1, 6].Sample(lists =>
        {
            var model = new NetworkModel();
            var judge = new EndpointAdmission(model, TestNode.Settings);
            judge.Begin(TestNode.Begin);
            judge.Attach(TestNode.Pod(9) with { Origin = ApiOrigin.InfraAgent }, _context);
            ulong sequence = 1;
            foreach (var list in lists)
            {
                var before = Specs(model);
                EndpointSpec[] items = [.. list.Select(i => TestNode.Pod(i.Item1, sequence, ip: i.Item2, mac: i.Item3, port: i.Item4))
                    .DistinctBy(s => s.Key)];
                var outcome = judge.Sync(TestNode.Sync(sequence++, items), _context);
                var after = Specs(model);
                HashSet<AttachmentKey> failed = [.. outcome.Failures.Select(f => f.Key!.Value)];
                Assert.Equal(items.Length, outcome.Kept + outcome.Added + failed.Count);
                foreach (var item in items)
                {
                    if (!failed.Contains(item.Key))
                    {
                        Assert.True(after[item.Key].HasSameContent(item));
                    }
                    else
                    {
                        Assert.Equal(before.GetValueOrDefault(item.Key), after.GetValueOrDefault(item.Key));
                    }
                }

                Assert.All(after.Keys, k => Assert.Contains(items, i => i.Key == k));
                Assert.All(model.Endpoints.Values, e => Assert.Null(model.Endpoints.ConflictOf(e)));
                // A list without conflicts is applied completely.
                var fits = items.Select(i => i.Addresses[0]).Append(TestNode.Ip(9)).Distinct().Count() == items.Length + 1
                    && items.Select(i => i.Mac).Append(TestNode.Pod(9).Mac).Distinct().Count() == items.Length + 1
                    && items.Select(i => i.PortName).Append(TestNode.PortName(9)).Distinct().Count() == items.Length + 1;
                Assert.True(!fits || failed.Count == 0);
            }
        });

    private static Dictionary<AttachmentKey, EndpointSpec> Specs(NetworkModel model) =>
        model.Endpoints.Values.Where(e => e.Spec.Origin == ApiOrigin.Offload).ToDictionary(e => e.Key, e => e.Spec);

    private SyncOutcome Sync(ulong sequence, params EndpointSpec[] list) => _judge.Sync(TestNode.Sync(sequence, list), _context);

    private EndpointSpec Held(int number) => _model.Endpoints.Find(new EndpointAddress(ApiOrigin.Offload, TestNode.Key(number)))!.Spec;
}
