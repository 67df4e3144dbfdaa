using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>What single messages do.</summary>
public sealed class FelixPoliciesTests
{
    private const string Pod = "prod/web";
    private const string Peer = "10.0.0.2";

    private static readonly (string Problem, Action<ProtoWriter> Fields)[] Undecidable =
    [
        ("http_match cannot be decided", r => r.Message(122, new ProtoWriter().Text(1, "GET"))),
        ("source ports cannot be decided", r => r.Message(5, new ProtoWriter().Number(1, 80).Number(2, 80))),
        ("source ports cannot be decided", r => r.Text(12, "n:web")),
        ("the block \"10.0.0.0/33\" cannot be decided", r => r.Text(4, "10.0.0.0/33")),
        ("the block \"010.0.0.1\" cannot be decided", r => r.Text(103, "010.0.0.1")),
        ("the protocol \"quic\" cannot be decided", r => r.Message(3, new ProtoWriter().Text(2, "quic"))),
        ("the protocol \"0\" cannot be decided", r => r.Message(3, new ProtoWriter().Number(1, 0))),
        ("the ports 90-80 cannot be decided", r => r.Message(7, new ProtoWriter().Number(1, 90).Number(2, 80))),
        ("the ports 0-70000 cannot be decided", r => r.Message(106, new ProtoWriter().Number(1, 0).Number(2, 70000))),
        ("ports of protocol 136 cannot be decided",
            r => r.Message(3, new ProtoWriter().Text(2, "udplite")).Message(7, new ProtoWriter().Number(2, 80))),
        ("the IP version 5 cannot be decided", r => r.Number(2, 5)),
        ("ICMP type 256, code  cannot be decided", r => r.Number(8, 256)),
        ("field 99, which is not known cannot be decided", r => r.Text(99, "of a later version")),
        ("ports of several Services cannot be decided", r => r.Text(15, "n:web").Text(15, "n:web")),
    ];

    private readonly FelixWorld _world = new();
    private FelixWriter _felix = new(FelixDialect.Kinds);

    public static TheoryData<int> UndecidableRules => [.. Enumerable.Range(0, Undecidable.Length)];

    [Fact]
    public void Before_it_is_in_sync_nothing_is_written()
    {
        _world.Begin();

        Assert.Empty(_world.Take(Snapshot()[..^1]));
        Assert.False(_world.Policies.IsInSync);
        Assert.NotEmpty(_world.Take(_felix.InSync()));
        Assert.True(_world.Policies.IsInSync);
        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.False(_world.IsAllowed(Pod, "10.0.0.3"));
    }

    [Fact]
    public void Deltas_before_it_is_in_sync_count()
    {
        _world.Begin();
        _world.Take(
        [
            .. Snapshot()[..^1],
            _felix.Delta("s:clients", ["10.0.0.3/32", "10.0.1.0/24"], [$"{Peer}/32", "10.0.0.99/32"]),
            _felix.InSync(),
        ]);

        Assert.True(_world.IsAllowed(Pod, "10.0.0.3"));
        Assert.True(_world.IsAllowed(Pod, "10.0.1.7"));
        Assert.False(_world.IsAllowed(Pod, Peer));
        Assert.True(_world.CheckEveryPoint() > 0);
    }

    [Fact]
    public void A_Felix_that_starts_again_changes_no_row_when_nothing_has_changed()
    {
        Start();

        _felix = new FelixWriter(FelixDialect.Kinds);
        _world.Begin();
        Assert.Empty(_world.Take(Snapshot()));
        Assert.True(_world.Policies.IsInSync);
    }

    [Fact]
    public void What_has_gone_while_Felix_was_away_goes_and_endpoints_get_all_new_policies_at_once()
    {
        Start();
        _world.Take(_felix.Endpoint("prod/old", ["10.0.0.9/32"], [Tier("default.web")], []), _felix.Set("s:old", 2, "10.0.0.8/32"));

        _felix = new FelixWriter(FelixDialect.Kinds);
        _world.Begin();
        var rows = _world.Take(
            _felix.Set("s:others", 2, "10.0.0.4/32"),
            _felix.Policy("default.web", [FelixWriter.Rule("allow", r => r.Text(10, "s:others"))], [FelixWriter.Rule("allow")]),
            _felix.Policy("default.more", [FelixWriter.Rule("deny")], []),
            _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.web", "default.more")], []),
            _felix.InSync());

        Assert.False(_world.IsAllowed(Pod, Peer));
        Assert.True(_world.IsAllowed(Pod, "10.0.0.4"));
        Assert.Equal([Pod], _world.Compiler.Model.Endpoints.Keys);
        Assert.Equal(["s:others"], _world.Compiler.Model.Sets.Keys);
        Assert.Equal(2, _world.Compiler.Model.Policies.Count);
        Assert.Equal([PolicyAddress.Parse("10.0.0.4")], _world.Compiler.Model.Peers.Addresses);
        // One change of each binding: never some new policies with some old ones.
        Assert.Single(rows, r => r is { Kind: RowChangeKind.Modify, Row: BindingRow { Direction: PolicyDirection.Ingress } });
        _world.CheckEveryPoint();
    }

    [Fact]
    public void While_Felix_is_away_the_last_policy_stays()
    {
        Start();
        _world.Policies.End();
        Assert.True(_world.IsAllowed(Pod, Peer));

        _world.Begin();
        Assert.Empty(_world.Take(_felix.Set("s:clients", 2), _felix.EndpointRemove(Pod)));
        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.False(_world.Policies.IsInSync);
    }

    [Fact]
    public void An_endpoint_with_an_unknown_policy_set_or_profile_keeps_its_tables_and_a_new_one_is_closed()
    {
        Start();
        _world.Take(
            _felix.Policy("default.odd", [FelixWriter.Rule("allow", r => r.Text(10, "s:unknown"))], []),
            _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.odd")], []),
            _felix.Endpoint("prod/new", ["10.0.0.7/32"], [Tier("default.nowhere")], []),
            _felix.Endpoint("prod/newer", ["10.0.0.8/32"], [], ["nowhere"]));

        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.False(_world.IsAllowed("prod/new", Peer));
        Assert.False(_world.IsAllowed("prod/newer", Peer));
        Assert.Equal(
            ["policy GlobalNetworkPolicy default.nowhere", "policy profile nowhere", "set s:unknown"],
            _world.Policies.Problems.Select(p => p.Reason[..p.Reason.IndexOf(" is missing", StringComparison.Ordinal)]).Order());
        Assert.Equal("error", _world.Policies.StatusOf(_world.Policies.Workloads.Single(w => w.Key.ModelId == Pod).Value));

        _world.Take(
            _felix.Set("s:unknown", 2, "10.0.0.5/32"), _felix.Policy("default.nowhere", [FelixWriter.Rule("allow")], []),
            _felix.Profile("nowhere", [FelixWriter.Rule("allow")], []));
        Assert.Empty(_world.Policies.Problems);
        Assert.False(_world.IsAllowed(Pod, Peer));
        Assert.True(_world.IsAllowed(Pod, "10.0.0.5"));
        Assert.True(_world.IsAllowed("prod/new", Peer));
        Assert.True(_world.IsAllowed("prod/newer", Peer));
        _world.CheckEveryPoint();
    }

    [Fact]
    public void An_endpoint_never_sees_a_set_that_it_waits_for_without_its_members()
    {
        Start();
        _world.Take(
            _felix.Policy("default.block", [FelixWriter.Rule("deny", r => r.Text(10, "s:bad")), FelixWriter.Rule("allow")], []),
            _felix.Endpoint("prod/new", ["10.0.0.7/32"], [Tier("default.block")], []));

        var rows = _world.Policies.Apply(new FelixDecoder().Decode(_felix.Set("s:bad", 2, "10.0.0.66/32", "10.6.0.0/16")));
        _world.Tables.Learn(_world.Compiler);
        foreach (var row in rows)
        {
            _world.Tables.Apply(row);
            Assert.False(_world.IsAllowed("prod/new", "10.0.0.66"), $"after {row}");
            Assert.False(_world.IsAllowed("prod/new", "10.6.0.1"), $"after {row}");
        }

        Assert.True(_world.IsAllowed("prod/new", Peer));
    }

    [Fact]
    public void Tables_that_are_kept_keep_the_members_of_a_set_that_has_gone()
    {
        Start();
        _world.Take(
            _felix.Set("s:bad", 2, "10.0.0.66/32", "10.6.0.0/16"),
            _felix.Policy("default.web", [FelixWriter.Rule("deny", r => r.Text(10, "s:bad")), FelixWriter.Rule("allow")], []));
        Assert.False(_world.IsAllowed(Pod, "10.0.0.66"));

        _world.Take(_felix.SetRemove("s:bad"));

        Assert.False(_world.IsAllowed(Pod, "10.0.0.66"));
        Assert.False(_world.IsAllowed(Pod, "10.6.0.1"));
        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.Equal([Pod], _world.Compiler.Unresolved);

        _world.Take(_felix.Policy("default.web", [FelixWriter.Rule("allow")], []));
        Assert.True(_world.IsAllowed(Pod, "10.0.0.66"));
        Assert.DoesNotContain(PolicyAddress.Parse("10.0.0.66"), _world.Compiler.Model.Peers.Addresses);
    }

    [Fact]
    public void Members_of_a_set_that_has_gone_go_with_it_and_a_removal_of_what_is_unknown_does_nothing()
    {
        Start();
        _world.Take(
            _felix.Set("s:more", 2, "10.0.0.70/32", "10.7.0.0/16"), _felix.Set("n:web", 1, "10.0.0.70,tcp:8080", "fd00::1,tcp:8080"));
        Assert.Equal(3, _world.Compiler.Model.Peers.Count);

        _world.Take(_felix.SetRemove("s:more"), _felix.SetRemove("n:web"));
        Assert.Equal([PolicyAddress.Parse(Peer)], _world.Compiler.Model.Peers.Addresses);

        Assert.Empty(_world.Take(
            _felix.SetRemove("s:more"), _felix.Delta("s:clients", [], ["192.0.2.1/32", "10.0.0.0/8"]), _felix.PolicyRemove("default.none"),
            _felix.ProfileRemove("none"), _felix.EndpointRemove("prod/none"), _felix.Delta("s:clients", [$"{Peer}/32"], [])));
        Assert.Empty(_world.Policies.Problems);
    }

    [Fact]
    public void An_endpoint_that_comes_again_unchanged_changes_no_row()
    {
        Start();

        Assert.Empty(_world.Take(Snapshot()[..^1]));
    }

    [Fact]
    public void A_set_of_50000_members_is_a_row_for_each_and_a_delta_a_row_for_each_of_its_own()
    {
        Start();
        var members = Enumerable.Range(0, 50_000).Select(i => $"10.{64 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}/32").ToArray();
        _world.Take(_felix.Set("s:many", 2, members));
        var rows = _world.Take(ManyAndClients());
        var peer = PolicyAddress.Parse(Peer);
        Assert.Equal(50_000, rows.Count(r => r is { Kind: RowChangeKind.Insert, Row: PeerRow { Address: var a } } && a != peer));

        var delta = _world.Take(
            _felix.Delta("s:many", ["10.200.0.1/32", "10.200.0.2/32", members[7]], [members[5], members[6], "10.201.0.1/32"]));

        Assert.Equal(4, delta.Count);
        Assert.All(delta, r => Assert.IsType<PeerRow>(r.Row));
        Assert.True(_world.IsAllowed(Pod, "10.200.0.1"));
        Assert.False(_world.IsAllowed(Pod, members[5][..^3]));

        // The same members in a new process: no row.
        var now = members.Except([members[5], members[6]]).Concat(["10.200.0.1/32", "10.200.0.2/32"]).ToArray();
        _felix = new FelixWriter(FelixDialect.Kinds);
        _world.Begin();
        Assert.Empty(_world.Take(
            _felix.Set("s:many", 2, now), _felix.Set("s:clients", 2, $"{Peer}/32"), ManyAndClients(),
            _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.web")], []), _felix.InSync()));

        byte[] ManyAndClients() => _felix.Policy(
            "default.web",
            [FelixWriter.Rule("allow", r => r.Text(10, "s:many")), FelixWriter.Rule("allow", r => r.Text(10, "s:clients"))],
            []);
    }

    [Fact]
    public void Named_ports_are_of_the_destination_and_numeric_ports_are_the_other_choice()
    {
        Start();
        _world.Take(
            _felix.Set("n:web", 1, "10.0.0.1,tcp:8080", "10.0.0.5,tcp:9090"),
            _felix.Policy("default.web",
                [FelixWriter.Rule("allow", r => r.Text(13, "n:web").Message(7, new ProtoWriter().Number(1, 22).Number(2, 22)))],
                [FelixWriter.Rule("allow", r => r.Text(13, "n:web"))]));

        Assert.True(_world.IsAllowed(Pod, Peer, port: 8080));
        Assert.True(_world.IsAllowed(Pod, Peer, port: 22));
        Assert.False(_world.IsAllowed(Pod, Peer, port: 9090));
        Assert.True(_world.IsAllowed(Pod, "10.0.0.5", port: 9090, direction: PolicyDirection.Egress));
        Assert.False(_world.IsAllowed(Pod, "10.0.0.5", port: 8080, direction: PolicyDirection.Egress));
        _world.CheckEveryPoint();
    }

    [Fact]
    public void An_endpoint_that_is_not_active_drops_everything()
    {
        Start();
        _world.Take(_felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.web")], [], state: "inactive"));

        Assert.Equal(EndpointPolicy.InactiveRule, _world.Judge(Pod, PolicyDirection.Ingress, Peer, IpProtocol.Tcp, 80).Rule);
        Assert.Equal("down", _world.Policies.StatusOf(_world.Policies.Workloads.Values.Single()));
    }

    [Fact]
    public void Profiles_come_after_the_tiers_and_a_pass_there_drops()
    {
        Start();
        _world.Take(
            _felix.Policy("default.pass", [FelixWriter.Rule("next-tier")], [FelixWriter.Rule("Pass")]),
            _felix.Profile("first", [FelixWriter.Rule("allow", r => r.Text(4, "10.0.0.0/24")), FelixWriter.Rule("pass")], []),
            _felix.Profile("second", [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
            _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.pass")], ["first", "second"]));

        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.False(_world.IsAllowed(Pod, "192.0.2.1"));
        Assert.True(_world.IsAllowed(Pod, "192.0.2.1", direction: PolicyDirection.Egress));

        _world.Take(_felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.pass")], []));
        Assert.False(_world.IsAllowed(Pod, Peer));
    }

    [Fact]
    public void A_rule_needs_membership_in_all_source_sets()
    {
        Start();
        _world.Take(
            _felix.Set("s:a", 2, "10.0.0.2/32", "10.0.0.3/32"), _felix.Set("s:b", 0, "10.0.0.3", "10.0.0.4"),
            _felix.Policy("default.web", [FelixWriter.Rule("allow", r => r.Text(10, "s:a").Text(10, "s:b"))], []));

        Assert.Equal(
            [false, true, false], new[] { "10.0.0.2", "10.0.0.3", "10.0.0.4" }.Select(p => _world.IsAllowed(Pod, p)));
    }

    [Theory]
    [MemberData(nameof(UndecidableRules))]
    public void What_cannot_be_decided_matches_no_allow_and_every_deny(int number)
    {
        var (problem, fields) = Undecidable[number];
        var protocol = problem.Contains("136", StringComparison.Ordinal) ? (byte)136 : IpProtocol.Tcp;
        Start();
        _world.Take(_felix.Set("n:web", 1), _felix.Policy("default.web", [FelixWriter.Rule("allow", fields)], []));
        Assert.False(_world.IsAllowed(Pod, Peer, protocol));
        Assert.StartsWith($"ingress[0]: {problem}", Assert.Single(_world.Policies.Problems).Reason);

        _world.Take(_felix.Policy("default.web", [FelixWriter.Rule("deny", fields), FelixWriter.Rule("allow")], []));
        Assert.False(_world.IsAllowed(Pod, Peer, protocol));
        _world.CheckEveryPoint();

        _world.Take(_felix.Policy("default.web", [FelixWriter.Rule("allow")], []));
        Assert.Empty(_world.Policies.Problems);
    }

    [Fact]
    public void An_action_that_is_not_known_and_a_rule_that_cannot_be_read_deny()
    {
        Start();
        var unreadable = FelixWriter.Rule("allow", r => r.Bytes(3, [0xff]));
        foreach (var rule in (ProtoWriter[])[FelixWriter.Rule("mirror"), FelixWriter.Rule(""), unreadable])
        {
            _world.Take(_felix.Policy("default.web", [rule, FelixWriter.Rule("allow")], []));
            Assert.False(_world.IsAllowed(Pod, Peer));
            Assert.Equal("GlobalNetworkPolicy default.web", Assert.Single(_world.Policies.Problems).Subject);
        }
    }

    [Fact]
    public void A_set_with_a_member_that_cannot_be_read_does_not_exist_until_the_member_has_gone()
    {
        Start();
        _world.Take(_felix.Delta("s:clients", ["10.0.0.3/32", "10.0.0.4/99"], []));

        Assert.Equal([Pod], _world.Compiler.Unresolved);
        Assert.True(_world.IsAllowed(Pod, Peer));
        Assert.Contains(_world.Policies.Problems, p => p is { Subject: "set s:clients", Reason: "the member \"10.0.0.4/99\" cannot be read" });

        _world.Take(_felix.Delta("s:clients", [], ["10.0.0.4/99"]));
        Assert.Empty(_world.Policies.Problems);
        Assert.True(_world.IsAllowed(Pod, "10.0.0.3"));
        _world.CheckEveryPoint();
    }

    [Fact]
    public void A_set_of_another_kind_than_a_rule_wants_does_not_exist_for_the_rule()
    {
        Start();
        _world.Take(
            _felix.Set("n:web", 1, "10.0.0.66,tcp:80"),
            _felix.Policy("default.web", [FelixWriter.Rule("deny", r => r.Text(10, "n:web")), FelixWriter.Rule("allow")], []),
            _felix.Endpoint("prod/new", ["10.0.0.7/32"], [Tier("default.web")], []));

        Assert.False(_world.IsAllowed("prod/new", Peer));
        Assert.Equal(2, _world.Compiler.Unresolved.Count);

        // The same ID as a set of addresses.
        _world.Take(_felix.Set("n:web", 2, "10.0.0.66/32"));
        Assert.True(_world.IsAllowed("prod/new", Peer));
        Assert.False(_world.IsAllowed("prod/new", "10.0.0.66"));
    }

    [Theory]
    [InlineData("10.0.0.1/32", "10.0.0.5/32")]
    [InlineData("10.0.0.0/24")]
    [InlineData("pod")]
    public void An_endpoint_whose_addresses_cannot_be_judged_drops_everything_and_says_so(params string[] nets)
    {
        Start();
        _world.Take(_felix.Endpoint(Pod, nets, [Tier("default.web")], []));

        Assert.False(_world.IsAllowed(Pod, Peer));
        Assert.EndsWith("it drops everything", Assert.Single(_world.Policies.Problems).Reason);
        Assert.Equal("error", _world.Policies.StatusOf(_world.Policies.Workloads.Values.Single()));
    }

    [Fact]
    public void What_exceeds_a_limit_does_not_exist_and_is_named()
    {
        var world = new FelixWorld(new FelixLimits { Members = 3, Bytes = 1000 });
        world.Begin();
        world.Take(
            _felix.Policy("default.web", [FelixWriter.Rule("allow", r => r.Text(10, "s:clients"))], []),
            _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.web")], []),
            _felix.Set("s:clients", 2, "10.0.0.2/32", "10.0.0.3/32"), _felix.InSync());
        Assert.True(world.IsAllowed(Pod, Peer));

        world.Take(_felix.Delta("s:clients", ["10.0.0.4/32", "10.0.0.5/32"], []), _felix.Set("s:more", 2, "10.0.1.1/32", "10.0.1.2/32"));
        Assert.Contains(world.Policies.Problems, p => p.Subject == "set s:clients");
        Assert.Contains(world.Policies.Problems, p => p.Subject == "set s:more");
        Assert.False(world.IsAllowed(Pod, "10.0.0.4"));

        world.Take(_felix.Policy("default.big", [.. Enumerable.Repeat(FelixWriter.Rule("allow"), 100)], []));
        Assert.Contains(world.Policies.Problems, p => p.Subject == "GlobalNetworkPolicy default.big");
        Assert.Single(world.Compiler.Model.Policies);
    }

    [Fact]
    public void Host_endpoints_are_named_as_not_enforced()
    {
        Start();
        var id = new ProtoWriter().Message(1, new ProtoWriter().Text(2, "h1-eth0"));
        Assert.Empty(_world.Take(_felix.Message(9, id)));
        Assert.Equal("host endpoint h1-eth0", Assert.Single(_world.Policies.Problems).Subject);

        _world.Take(_felix.Message(10, id));
        Assert.Empty(_world.Policies.Problems);
    }

    private static FelixTierText Tier(params string[] policies) => new("default", "Deny", policies, policies);

    private void Start()
    {
        _world.Begin();
        _world.Take(Snapshot());
    }

    private byte[][] Snapshot() =>
    [
        _felix.Set("s:clients", 2, $"{Peer}/32"),
        _felix.Policy("default.web", [FelixWriter.Rule("allow", r => r.Text(10, "s:clients"))], [FelixWriter.Rule("allow")]),
        _felix.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default.web")], []),
        _felix.InSync(),
    ];
}
