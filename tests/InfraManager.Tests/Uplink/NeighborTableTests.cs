using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>What is reported and what the kernel is asked, given what the kernel says.</summary>
public sealed class NeighborTableTests
{
    private const string Gateway = "192.0.2.1";
    private static readonly UplinkSettings Settings = new("eth1", MacAddress.Parse("02:00:00:00:00:99"), [])
    {
        Addresses = [new(IPAddress.Parse("192.0.2.10"), 24), new(IPAddress.Parse("2001:db8::10"), 64)],
    };

    private readonly FakeTimeProvider _time = new();
    private readonly RecordedNeighbors _sink = new();
    private NeighborTable _table;

    public NeighborTableTests() => _table = Create(100);

    [Fact]
    public void A_neighbour_is_reported_when_it_is_new_when_its_MAC_changes_and_when_it_is_gone()
    {
        Observe("192.0.2.20", 1);
        Observe("192.0.2.20", 1, NeighborStates.Stale);
        Observe("192.0.2.20", 1, NeighborStates.Probe);
        Assert.Null(Report());
        _time.Advance(TimeSpan.FromSeconds(5));
        Observe("192.0.2.20", 2);
        Observe("192.0.2.20", 2, NeighborStates.Stale);
        Report();
        _time.Advance(TimeSpan.FromSeconds(5));
        Observe("192.0.2.20", null, NeighborStates.Failed);
        Report();
        Assert.Equal(["02:00:00:00:00:01", "02:00:00:00:00:02", null], _sink.ChangesOf("192.0.2.20"));
    }

    [Fact]
    public void IPv6_neighbours_are_reported_as_well()
    {
        Observe("2001:db8::20", 1);
        // Link-local neighbours only if they are wanted.
        Observe("fe80::1", 2);
        _table.SetWanted([IPAddress.Parse("fe80::2")]);
        Observe("fe80::2", 3);
        Report();
        Assert.Equal(["2001:db8::20", "fe80::2"], _sink.Current.Keys.Select(a => a.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Flapping_is_bounded_and_the_last_state_always_arrives()
    {
        for (var i = 0; i < 1000; i++)
        {
            Observe("192.0.2.20", 1 + (i % 2));
            Report();
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.InRange(_sink.ChangesOf("192.0.2.20").Count, 2, 11);
        Observe("192.0.2.20", 7);
        _time.Advance(Report() ?? TimeSpan.Zero);
        Assert.Null(Report());
        Assert.Equal("02:00:00:00:00:07", _sink.MacOf("192.0.2.20"));

        // A change that is taken back within the interval is none.
        var before = _sink.ChangesOf("192.0.2.20").Count;
        Observe("192.0.2.20", 8);
        Report();
        Observe("192.0.2.20", 7);
        _time.Advance(TimeSpan.FromSeconds(2));
        Report();
        Assert.Equal(before, _sink.ChangesOf("192.0.2.20").Count);
    }

    [Theory]
    [InlineData("192.0.2.10", "02:00:00:00:00:01")]
    [InlineData("192.0.2.0", "02:00:00:00:00:01")]
    [InlineData("192.0.2.255", "02:00:00:00:00:01")]
    [InlineData("198.51.100.7", "02:00:00:00:00:01")]
    [InlineData("192.0.2.20", "02:00:00:00:00:99")]
    [InlineData("192.0.2.20", "ff:ff:ff:ff:ff:ff")]
    [InlineData("192.0.2.20", "01:00:5e:00:00:01")]
    [InlineData("192.0.2.20", "00:00:00:00:00:00")]
    public void Claims_that_no_neighbour_can_make_are_ignored(string address, string mac)
    {
        _table.Observe(Entry(address, MacAddress.Parse(mac), NeighborStates.Stale));
        Report();
        Assert.Empty(_table.TakeSnapshot());
    }

    [Fact]
    public void A_neighbour_that_takes_our_own_MAC_counts_as_gone()
    {
        Observe("192.0.2.20", 1);
        Report();
        _time.Advance(TimeSpan.FromSeconds(5));
        _table.Observe(Entry("192.0.2.20", Settings.Mac, NeighborStates.Reachable));
        Report();
        Assert.Equal(["02:00:00:00:00:01", null], _sink.ChangesOf("192.0.2.20"));
    }

    [Fact]
    public void Wanted_neighbours_are_kept_by_the_kernel_or_asked_again_in_each_round()
    {
        _table.SetWanted([IPAddress.Parse(Gateway)]);
        Assert.Equal([(Gateway, NeighborAction.Keep)], Requests(isRound: false));
        Assert.Empty(Requests(isRound: false));
        // Before Linux 5.16, the entry is not managed.
        Observe(Gateway, 1);
        Assert.Equal([(Gateway, NeighborAction.Keep)], Requests(isRound: true));
        Observe(Gateway, 1, NeighborStates.Stale, NeighborFlags.Managed);
        Assert.Empty(Requests(isRound: true));
        // Set by an administrator: asking would undo it.
        Observe(Gateway, 2, NeighborStates.Permanent);
        Assert.Empty(Requests(isRound: true));
        Report();
        Assert.Equal("02:00:00:00:00:02", _sink.MacOf(Gateway));
    }

    [Fact]
    public void Learned_neighbours_are_confirmed_while_they_answer()
    {
        Observe("192.0.2.20", 1);
        Observe("192.0.2.21", 2, NeighborStates.Stale);
        Observe("192.0.2.22", 3, NeighborStates.Probe);
        Assert.Equal([("192.0.2.21", NeighborAction.Confirm)], Requests(isRound: true));
        Observe("192.0.2.21", null, NeighborStates.Failed);
        Assert.Empty(Requests(isRound: true));
    }

    [Fact]
    public void A_deleted_entry_is_resolved_again_and_its_MAC_stays_until_the_kernel_asked_in_vain()
    {
        _table.SetWanted([IPAddress.Parse(Gateway)]);
        Observe(Gateway, 1, NeighborStates.Reachable, NeighborFlags.Managed);
        Observe("192.0.2.20", 2);
        Report();
        _ = Requests(isRound: true);
        _table.Remove(IPAddress.Parse(Gateway));
        _table.Remove(IPAddress.Parse("192.0.2.20"));
        _table.Remove(IPAddress.Parse("192.0.2.77"));
        Assert.True(_table.HasUrgentRequests);
        Assert.Equal([(Gateway, NeighborAction.Keep), ("192.0.2.20", NeighborAction.Resolve)], Requests(isRound: false));
        _time.Advance(TimeSpan.FromSeconds(5));
        Observe(Gateway, null, NeighborStates.Incomplete);
        Report();
        Assert.Equal("02:00:00:00:00:01", _sink.MacOf(Gateway));
        Observe("192.0.2.20", 2);
        Observe(Gateway, null, NeighborStates.Failed);
        Report();
        Assert.Equal([null], _sink.ChangesOf(Gateway).Skip(1));
        Assert.Single(_sink.ChangesOf("192.0.2.20"));
    }

    [Fact]
    public void A_list_without_a_neighbour_is_no_evidence_that_it_is_gone()
    {
        Observe("192.0.2.20", 1);
        Observe("192.0.2.21", 2);
        Report();
        _time.Advance(TimeSpan.FromSeconds(5));
        _table.Resync([Entry("192.0.2.21", Mac(3), NeighborStates.Reachable), Entry("192.0.2.22", Mac(4), NeighborStates.Stale)]);
        Report();
        Assert.Equal("192.0.2.20 02:00:00:00:00:01, 192.0.2.21 02:00:00:00:00:03, 192.0.2.22 02:00:00:00:00:04", _sink.ToString());
        Assert.Equal([("192.0.2.20", NeighborAction.Resolve)], Requests(isRound: false));
    }

    [Fact]
    public void What_failed_before_the_port_was_served_is_asked_again()
    {
        _table.SetWanted([IPAddress.Parse(Gateway)]);
        Observe("192.0.2.20", 1);
        Report();
        _table.Resync(
            [
                Entry(Gateway, null, NeighborStates.Failed, NeighborFlags.Managed),
                Entry("192.0.2.20", null, NeighborStates.Failed),
            ],
            areFailuresOld: true);
        Assert.False(_table.IsSettled);
        Assert.Equal([(Gateway, NeighborAction.Keep), ("192.0.2.20", NeighborAction.Resolve)], Requests(isRound: false));
        Observe(Gateway, null, NeighborStates.Failed, NeighborFlags.Managed);
        Assert.True(_table.IsSettled);
        Assert.Equal("02:00:00:00:00:01", _sink.MacOf("192.0.2.20"));
    }

    [Fact]
    public void Beyond_the_limit_the_least_recently_confirmed_one_is_given_up_but_no_wanted_or_fixed_one()
    {
        _table = Create(2);
        _table.SetWanted([IPAddress.Parse(Gateway)]);
        _ = Requests(isRound: true);
        _table.Observe(Entry(Gateway, Mac(1), NeighborStates.Stale, NeighborFlags.Managed, confirmed: 1000));
        _table.Observe(Entry("192.0.2.9", Mac(9), NeighborStates.Permanent, confirmed: 1000));
        _table.Observe(Entry("192.0.2.20", Mac(2), NeighborStates.Stale, confirmed: 50));
        _table.Observe(Entry("192.0.2.21", Mac(3), NeighborStates.Stale, confirmed: 60));
        Report();
        Observe("192.0.2.22", 4);
        Report();
        Assert.Equal([("192.0.2.21", NeighborAction.Delete)], Requests(isRound: false));
        Assert.Equal(["02:00:00:00:00:03"], _sink.ChangesOf("192.0.2.21"));
        _time.Advance(TimeSpan.FromSeconds(2));
        Report();
        Assert.Equal(["02:00:00:00:00:03", null], _sink.ChangesOf("192.0.2.21"));
        Assert.Equal([Gateway, "192.0.2.20", "192.0.2.22", "192.0.2.9"],
            _sink.Current.Where(c => c.Value is not null).Select(c => c.Key.ToString()).Order(StringComparer.Ordinal));

        // The kernel's answer to the deletion.
        _table.Observe(Entry("192.0.2.21", null, NeighborStates.Failed));
        _table.Remove(IPAddress.Parse("192.0.2.21"));
        Assert.False(_table.HasUrgentRequests);

        // One that was never confirmed does not displace those that answer.
        _table.Observe(Entry("192.0.2.30", Mac(5), NeighborStates.Stale, confirmed: 100));
        Report();
        Assert.Equal([("192.0.2.30", NeighborAction.Delete)], Requests(isRound: false));
        Assert.Empty(_sink.ChangesOf("192.0.2.30"));
    }

    [Fact]
    public void Without_room_for_any_only_wanted_neighbours_are_reported()
    {
        _table = Create(0);
        _table.SetWanted([IPAddress.Parse(Gateway)]);
        Observe(Gateway, 1);
        Observe("192.0.2.20", 2);
        _ = Requests(isRound: false);
        Report();
        Assert.Equal([IPAddress.Parse(Gateway)], _sink.Current.Keys);
        Assert.DoesNotContain(Requests(isRound: true), r => r.Action == NeighborAction.Delete);
    }

    [Fact]
    public void A_neighbour_that_is_no_longer_wanted_stays_while_it_answers_and_is_not_managed_any_more()
    {
        _table.SetWanted([IPAddress.Parse(Gateway), IPAddress.Parse("192.0.2.2"), IPAddress.Parse("198.51.100.1")]);
        Observe(Gateway, 1, NeighborStates.Reachable, NeighborFlags.Managed);
        Observe("198.51.100.1", 3, NeighborStates.Reachable, NeighborFlags.Managed);
        Report();
        _ = Requests(isRound: true);
        _table.SetWanted([]);
        Assert.Equal(
            [("192.0.2.2", NeighborAction.Delete), ("198.51.100.1", NeighborAction.Delete), (Gateway, NeighborAction.Confirm)],
            Requests(isRound: false).OrderBy(r => (r.Action == NeighborAction.Confirm, r.Address)));
        _time.Advance(TimeSpan.FromSeconds(2));
        Report();
        Assert.Equal("02:00:00:00:00:01", _sink.MacOf(Gateway));
        // Nobody on the node network can have it.
        Assert.Null(_sink.MacOf("198.51.100.1"));
        Assert.Equal([Gateway], _table.TakeSnapshot().Select(n => n.Address.ToString()));
    }

    [Fact]
    public void The_snapshot_has_the_wanted_ones_without_an_answer_too()
    {
        _table.SetWanted([IPAddress.Parse(Gateway), IPAddress.Parse("192.0.2.2")]);
        Assert.False(_table.IsSettled);
        Observe(Gateway, 1);
        Observe("192.0.2.2", null, NeighborStates.Incomplete);
        Observe("192.0.2.20", 2);
        Observe("192.0.2.21", null, NeighborStates.Failed);
        Assert.False(_table.IsSettled);
        Observe("192.0.2.2", null, NeighborStates.Failed);
        Assert.True(_table.IsSettled);
        _sink.Replace(_table.TakeSnapshot());
        Assert.Equal("192.0.2.1 02:00:00:00:00:01, 192.0.2.2 -, 192.0.2.20 02:00:00:00:00:02", _sink.ToString());
        // What the snapshot had is not reported again.
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(Report());
        Assert.Empty(_sink.ChangesOf(Gateway));
    }

    private static MacAddress Mac(int number) => new(0x020000000000UL + (ulong)number);

    private static NeighborEntry Entry(
        string address, MacAddress? mac, NeighborStates state, NeighborFlags flags = NeighborFlags.None, int? confirmed = null) => new()
        {
            InterfaceIndex = 3,
            Address = IPAddress.Parse(address),
            Mac = mac,
            State = state,
            Flags = flags,
            SinceConfirmed = confirmed is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        };

    private NeighborTable Create(int limit) => new(new NeighborScope(Settings), limit, _time);

    private void Observe(
        string address, int? mac, NeighborStates state = NeighborStates.Reachable, NeighborFlags flags = NeighborFlags.None) =>
        _table.Observe(Entry(address, mac is { } number ? Mac(number) : null, state, flags));

    private TimeSpan? Report() => _table.Report(_sink.Apply);

    private List<(string Address, NeighborAction Action)> Requests(bool isRound) =>
        [.. _table.TakeRequests(isRound).Select(r => (r.Address.ToString(), r.Action)).OrderBy(r => r.Action)];
}
