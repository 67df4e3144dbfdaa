using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>What single changes write.</summary>
public sealed class PolicyCompilerTests
{
    private const string Web = "web";

    private static readonly PolicyAddress Own = PolicyAddress.Parse("10.0.0.1");
    private static readonly PolicyAddress Peer = PolicyAddress.Parse("10.0.0.2");
    private static readonly PolicyPacket FromPeer = new(Peer, IpProtocol.Tcp, 80);

    private readonly PolicyCompiler _compiler = new();
    private readonly PolicyTables _tables = new();

    public PolicyCompilerTests()
    {
        _compiler.SetNets("clients", []);
        _compiler.SetPodRanges([PolicyNet.Parse("10.0.0.0/24")]);
        _compiler.SetPolicy("allow", Ingress("allow clients", PolicyAction.Allow, new RuleMatch { Peer = InClients() }));
        _compiler.SetPolicy("deny", Ingress("deny clients", PolicyAction.Deny, new RuleMatch { Peer = InClients() }));
    }

    [Fact]
    public void A_pod_with_known_sets_is_one_row()
    {
        Bind(false, "allow");
        Write(_compiler.SetPeer(PolicyAddress.Parse("10.0.0.3"), PeerMembership.Of(["clients"], [])));

        var changes = Write(_compiler.SetPeer(Peer, PeerMembership.Of(["clients"], [])));

        Assert.Equal(RowChangeKind.Insert, Assert.Single(changes).Kind);
        Assert.IsType<PeerRow>(changes[0].Row);
        Assert.True(Judge()!.Value.IsAllowed);
    }

    [Fact]
    public void An_unknown_pod_matches_no_allow_and_every_deny_by_set()
    {
        Bind(true, "allow");
        Assert.Equal(DirectionPolicy.DefaultRule, Judge()!.Value.Rule);
        Bind(true, "deny");
        Assert.Equal("deny clients", Judge()!.Value.Rule);

        Write(_compiler.SetPeer(Peer, PeerMembership.None));

        Assert.NotEqual("deny clients", Judge()!.Value.Rule);
    }

    [Fact]
    public void A_known_pod_is_never_unknown_while_the_pod_ranges_change()
    {
        Write(_compiler.SetPeer(Peer, PeerMembership.None));
        Bind(true, "deny");
        IReadOnlyCollection<PolicyNet> none = [], ranges = [PolicyNet.Parse("10.0.0.0/24")];
        foreach (var change in (IReadOnlyCollection<PolicyNet>[])[none, ranges, none])
        {
            foreach (var step in _compiler.SetPodRanges(change))
            {
                _tables.Apply(step);
                Assert.True(Judge()!.Value.IsAllowed, $"after {step}");
            }
        }
    }

    [Fact]
    public void An_endpoint_keeps_its_tables_while_a_policy_is_missing_and_a_new_one_is_closed()
    {
        Write(_compiler.SetPeer(Peer, PeerMembership.Of(["clients"], [])));
        Bind(false, "allow");
        Bind(false, "missing");
        Assert.True(Judge()!.Value.IsAllowed);
        Assert.Equal([Web], _compiler.Unresolved);

        Write(_compiler.SetEndpoint("new", Endpoint(false, "missing")));
        var closed = _tables.Judge(_compiler, "new", PolicyDirection.Ingress, FromPeer)!.Value;
        Assert.Equal((false, EndpointPolicy.UnresolvedRule), (closed.IsAllowed, closed.Rule));

        Write(_compiler.SetPolicy("missing", Ingress("now it is here", PolicyAction.Deny, RuleMatch.Any)));
        Assert.Equal("now it is here", Judge()!.Value.Rule);
        Assert.Empty(_compiler.Unresolved);
    }

    [Fact]
    public void Rows_of_a_new_set_come_before_the_binding_and_those_of_the_old_one_go_after_it()
    {
        Write(_compiler.SetPeer(Peer, PeerMembership.Of(["clients"], [])));
        Bind(false, "allow");

        var web = new RuleMatch { Peer = InClients(), Protocol = IpProtocol.Tcp, Ports = [new(80, 80)] };
        var changes = Write(_compiler.SetPolicy("allow", Ingress("allow web", PolicyAction.Allow, web)));

        var flip = changes.ToList().FindIndex(c => c.Row is BindingRow);
        Assert.Contains(changes.Take(flip), c => c is { Kind: RowChangeKind.Insert, Row: GroupRow });
        Assert.DoesNotContain(changes.Take(flip), c => c.Kind == RowChangeKind.Delete);
        Assert.DoesNotContain(changes.Skip(flip), c => c.Kind == RowChangeKind.Insert);
        Assert.Contains(changes.Skip(flip), c => c is { Kind: RowChangeKind.Delete, Row: GroupRow });
    }

    [Fact]
    public void A_staged_policy_drops_nothing_and_says_what_it_would_drop()
    {
        _compiler.SetPolicy("staged", Ingress("staged deny", PolicyAction.Deny, RuleMatch.Any) with { IsStaged = true });
        Bind(true, "staged");

        var verdict = Judge()!.Value;

        Assert.Equal((true, "staged deny"), (verdict.IsAllowed, verdict.WouldDrop));
    }

    [Theory]
    [InlineData((int)PolicyAction.Allow, false)]
    [InlineData((int)PolicyAction.Deny, true)]
    [InlineData((int)PolicyAction.Unknown, true)]
    public void What_cannot_be_decided_or_is_not_known_fails_closed(int action, bool isOpen)
    {
        _compiler.SetPolicy("http", Ingress("http", (PolicyAction)action, new RuleMatch { IsUndecidable = true }));
        Bind(isOpen, "http");

        Assert.False(Judge()!.Value.IsAllowed);
    }

    [Fact]
    public void A_bad_policy_is_refused_whole_and_the_field_is_named()
    {
        Bind(false, "allow");

        var error = Assert.Throws<IntentException>(() => _compiler.SetPolicy("allow", new PolicyRules(
            [new PolicyRule("a", PolicyAction.Allow, RuleMatch.Any)],
            [new PolicyRule("b", PolicyAction.Allow, new RuleMatch { Ports = [new(80, 79)] })])));

        Assert.Equal("egress[0].ports[0]", error.Field);
        Assert.Equal("allow clients", Assert.Single(_compiler.Model.Policies["allow"].Ingress).Name);
    }

    [Fact]
    public void An_endpoint_that_is_not_active_drops_everything()
    {
        Write(_compiler.SetEndpoint(Web, Endpoint(true, "allow") with { IsActive = false }));

        Assert.Equal((false, EndpointPolicy.InactiveRule), (Judge()!.Value.IsAllowed, Judge()!.Value.Rule));
    }

    [Fact]
    public void Without_policies_nothing_is_judged()
    {
        Write(_compiler.SetEndpoint(Web, new EndpointPolicy([Own], DirectionPolicy.Open, DirectionPolicy.Open)));

        Assert.Null(Judge());
        Assert.All(_tables.Rows, r => Assert.IsType<BindingRow>(r));
    }

    [Fact]
    public void Numbers_start_where_the_caller_says()
    {
        var compiler = new PolicyCompiler(new PolicyNumbers(Groups: 100, PeerClasses: 50, PortClasses: 20));
        compiler.SetPolicy("p", Ingress("p", PolicyAction.Allow, new RuleMatch
        {
            Protocol = IpProtocol.Tcp,
            Peer = new AddressMatch { Nets = [PolicyNet.Parse("10.0.0.0/8")] },
        }));

        var changes = compiler.SetEndpoint(Web, Endpoint(false, "p"));

        Assert.All(changes.Select(c => c.Row).OfType<GroupRow>(), g => Assert.True(g is { Set: >= 100, Group: >= 100, Class: >= 50 }));
        Assert.All(changes.Select(c => c.Row).OfType<VerdictRow>(), v => Assert.True(v is { Group: >= 100, PortClass: >= 20 }));
    }

    private static AddressMatch InClients() => new() { AllOf = ["clients"] };

    private static PolicyRules Ingress(string name, PolicyAction action, RuleMatch match) => new([new PolicyRule(name, action, match)], []);

    private static EndpointPolicy Endpoint(bool isOpen, string policy) => new(
        [Own],
        new DirectionPolicy([new TierPolicies("t0", isOpen ? PolicyAction.Pass : PolicyAction.Deny, [policy])], isOpen),
        DirectionPolicy.Open);

    private void Bind(bool isOpen, string policy) => Write(_compiler.SetEndpoint(Web, Endpoint(isOpen, policy)));

    private IReadOnlyList<RowChange> Write(IReadOnlyList<RowChange> changes)
    {
        _tables.Learn(_compiler);
        _tables.Apply(changes);
        return changes;
    }

    private PolicyVerdict? Judge() => _tables.Judge(_compiler, Web, PolicyDirection.Ingress, FromPeer);
}
