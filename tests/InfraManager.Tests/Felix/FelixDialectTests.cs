using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>The same policy, as each version of Felix writes it.</summary>
public sealed class FelixDialectTests
{
    private const string Pod = "prod/web";

    [Fact]
    public void Up_to_3_28_there_is_one_tier_without_a_default_action()
    {
        var world = Start(FelixDialect.OneTier, [Tier("default", "", ["prod/web"], ["all"])]);

        Assert.True(world.IsAllowed(Pod, "10.0.0.2"));
        Assert.False(world.IsAllowed(Pod, "10.0.0.3"));
        Assert.Equal("tier default default", world.Judge(Pod, PolicyDirection.Ingress, "10.0.0.3", IpProtocol.Tcp, 80).Rule);
        Assert.Equal("policy prod/web ingress[0]", world.Judge(Pod, PolicyDirection.Ingress, "10.0.0.2", IpProtocol.Tcp, 80).Rule);
    }

    [Fact]
    public void From_3_29_on_a_tier_may_pass_by_default()
    {
        var world = Start(FelixDialect.Names,
            [Tier("security", "Pass", ["security.web"], []), Tier("default", "Deny", ["prod/default.web"], ["default.all"])]);

        Assert.True(world.IsAllowed(Pod, "10.0.0.2"));
        Assert.False(world.IsAllowed(Pod, "10.0.0.3"));
    }

    [Fact]
    public void From_3_30_on_staged_policies_are_in_the_tiers_by_their_names()
    {
        var world = Start(FelixDialect.Names,
        [
            Tier("security", "Deny", ["staged security.block"], []),
            Tier("default", "Deny", ["staged prod/default.block", "prod/default.web"], ["default.all"]),
        ]);

        var verdict = world.Judge(Pod, PolicyDirection.Ingress, "10.0.0.2", IpProtocol.Tcp, 80);
        Assert.True(verdict.IsAllowed);
        Assert.Equal("policy staged:security.block ingress[0]", verdict.WouldDrop);
    }

    [Fact]
    public void From_3_32_on_policies_have_a_kind_and_the_tiers_list_messages()
    {
        var world = Start(FelixDialect.Kinds,
        [
            Tier("security", "Deny", ["staged security.block"], []),
            Tier("default", "Deny", ["staged prod/default.block", "prod/default.web"], ["default.all"]),
        ]);

        var verdict = world.Judge(Pod, PolicyDirection.Ingress, "10.0.0.2", IpProtocol.Tcp, 80);
        Assert.Equal((true, "NetworkPolicy prod/default.web ingress[0]"), (verdict.IsAllowed, verdict.Rule));
        Assert.Equal("StagedGlobalNetworkPolicy security.block ingress[0]", verdict.WouldDrop);
        Assert.False(world.IsAllowed(Pod, "10.0.0.3"));
        Assert.True(world.IsAllowed(Pod, "10.0.0.3", direction: PolicyDirection.Egress));
    }

    [Fact]
    public void A_new_process_of_another_version_is_read_in_its_own_dialect()
    {
        var world = Start(FelixDialect.Names, [Tier("default", "Deny", ["prod/default.web"], ["default.all"])]);

        world.Begin();
        world.Take(Messages(FelixDialect.Kinds, [Tier("default", "Deny", ["prod/default.web"], ["default.all"])]));

        Assert.Equal(
            "NetworkPolicy prod/default.web ingress[0]", world.Judge(Pod, PolicyDirection.Ingress, "10.0.0.2", IpProtocol.Tcp, 80).Rule);
        Assert.DoesNotContain(world.Compiler.Model.Policies.Keys, k => k.StartsWith("policy ", StringComparison.Ordinal));
        world.CheckEveryPoint();
    }

    [Theory]
    [InlineData((int)FelixDialect.Names)]
    [InlineData((int)FelixDialect.Kinds)]
    public void An_endpoint_before_any_policy_is_closed_until_its_policies_come(int dialect)
    {
        var world = new FelixWorld();
        world.Begin();
        var writer = new FelixWriter((FelixDialect)dialect);
        world.Take(writer.InSync(), writer.Endpoint(Pod, ["10.0.0.1/32"], [Tier("default", "Deny", ["prod/default.web"], [])], []));
        Assert.False(world.IsAllowed(Pod, "10.0.0.2"));
        Assert.Equal([Pod], world.Compiler.Unresolved);

        world.Take(writer.Policy("prod/default.web", [FelixWriter.Rule("allow")], []));

        Assert.True(world.IsAllowed(Pod, "10.0.0.2"));
        Assert.Empty(world.Compiler.Unresolved);
    }

    private static FelixTierText Tier(string name, string action, string[] ingress, string[] egress) => new(name, action, ingress, egress);

    private static FelixWorld Start(FelixDialect dialect, FelixTierText[] tiers)
    {
        var world = new FelixWorld();
        world.Begin();
        world.Take(Messages(dialect, tiers));
        Assert.Empty(world.Compiler.Unresolved);
        world.CheckEveryPoint();
        return world;
    }

    private static List<byte[]> Messages(FelixDialect dialect, FelixTierText[] tiers)
    {
        var writer = new FelixWriter(dialect);
        var messages = new List<byte[]> { writer.Set("s:clients", 2, "10.0.0.2/32") };
        foreach (var name in tiers.SelectMany(t => t.Ingress.Concat(t.Egress)))
        {
            var isStaged = name.StartsWith("staged ", StringComparison.Ordinal);
            messages.Add(writer.Policy(
                isStaged ? name["staged ".Length..] : name,
                [isStaged ? FelixWriter.Rule("deny") : FelixWriter.Rule("allow", r => r.Text(10, "s:clients"))],
                [FelixWriter.Rule("allow")],
                isStaged));
        }

        return [.. messages, writer.Endpoint(Pod, ["10.0.0.1/32"], tiers, []), writer.InSync()];
    }
}
