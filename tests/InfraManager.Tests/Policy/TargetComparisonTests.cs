using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Points;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>
/// The comparison of a target's rows with the policies: rows of a fresh compile are equal, and a row that judges any packet wrongly is
/// found.
/// </summary>
public sealed class TargetComparisonTests(ITestOutputHelper output)
{
    [Fact]
    public void Compiled_rows_are_equal_on_every_point()
    {
        long points = 0;
        for (var seed = 0; seed < 60; seed++)
        {
            var world = CompiledWorld.Complete(seed);
            var comparison = Compare(world, Read(world.Compiler, world.Compiler.Rows));
            Assert.True(comparison.Differing == 0, $"seed {seed}: {string.Join('\n', comparison.Differences)}");
            points += comparison.Points;
        }

        output.WriteLine($"{points} points");
        Assert.True(points > 50_000, $"{points} points");
    }

    [Fact]
    public void A_changed_row_is_found_if_it_judges_any_packet_wrongly()
    {
        var (wrong, harmless) = (0, 0);
        for (var seed = 1000; seed < 1100; seed++)
        {
            var world = CompiledWorld.Complete(seed);
            var rows = world.Compiler.Rows.ToList();
            if (rows.Count == 0)
            {
                continue;
            }

            var at = world.Random.Next(rows.Count);
            var changed = Change(world, rows[at]);
            rows.RemoveAt(at);
            if (changed is not null)
            {
                rows.Add(changed);
            }

            var target = Read(world.Compiler, rows);
            var isWrong = IsWrongAnywhere(world, target);
            var comparison = Compare(world, target);
            Assert.True(
                !isWrong || comparison.Differing > 0, $"seed {seed}: the change of {world.Compiler.Rows.ElementAt(at)} was not found");
            if (isWrong)
            {
                wrong++;
                Assert.NotEmpty(comparison.Differences);
            }
            else
            {
                harmless++;
            }
        }

        output.WriteLine($"{wrong} wrong rows, {harmless} changes that no packet shows");
        Assert.True(wrong > 20, $"{wrong} wrong rows");
    }

    [Fact]
    public void A_binding_to_another_set_is_found()
    {
        var (model, compiler) = OnePolicy();
        var rows = Read(compiler, compiler.Rows);
        rows.PortSets[0] = PolicySets.None;
        rows.Bindings[model.Endpoints["e"].Addresses[0]] = PolicySets.None;
        var comparison = Compare(compiler, rows);
        Assert.Contains("ingress of e from", comparison.Differences[0], StringComparison.Ordinal);
        Assert.Contains(
            "the policies deny it (tier t default), the rows allow it (set 0)", comparison.Differences[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_a_pod_that_disagree_are_found()
    {
        var (model, compiler) = OnePolicy();
        var rows = Read(compiler, compiler.Rows);
        rows.Bindings[model.Endpoints["e"].Addresses[0]] = PolicySets.None;
        Assert.Contains("in port_class", Assert.Single(Compare(compiler, rows).Differences), StringComparison.Ordinal);
        rows.Bindings.Clear();
        Assert.Contains("no row in pods", Assert.Single(Compare(compiler, rows).Differences), StringComparison.Ordinal);
        rows.PortSets.Clear();
        Assert.Contains("no row in port_class", Assert.Single(Compare(compiler, rows).Differences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_pod_must_be_closed_on_the_target()
    {
        var (_, compiler) = OnePolicy();
        var rows = Read(compiler, compiler.Rows);
        Assert.True(Compare(compiler, rows, isClosed: true).Differing > 0);
        rows.PortSets[0] = PolicySets.Pending;
        foreach (var address in rows.Bindings.Keys.ToList())
        {
            rows.Bindings[address] = PolicySets.Pending;
        }

        Assert.Equal(0, Compare(compiler, rows, isClosed: true).Differing);
    }

    [Fact]
    public void Samples_stand_for_every_address_and_port()
    {
        for (var seed = 2000; seed < 2020; seed++)
        {
            var world = CompiledWorld.Complete(seed);
            var target = Read(world.Compiler, world.Compiler.Rows);
            var model = world.Compiler.Model;
            var judge = new TargetRowJudge(target);
            var peers = PeerSamples.Of([model], target, default);
            var ports = PortSamples.Of([model], judge);
            foreach (var (_, endpoint) in model.Endpoints)
            {
                foreach (var direction in Enum.GetValues<PolicyDirection>())
                {
                    var facts = new AskedFacts(model, endpoint.Of(direction), direction);
                    var known = peers.Select(p => (facts.Of(p.Address), judge.ClassOf(p.Address))).ToHashSet();
                    Assert.All(RandomWorld.Addresses, a => Assert.Contains((facts.Of(a), judge.ClassOf(a)), known));
                }
            }

            var classes = ports.Select(p => (p.Protocol, judge.ClassOf(p.Protocol, p.Port))).ToHashSet();
            Assert.All(
                RandomWorld.Ports.Where(p => IpProtocol.HasPorts(p.Protocol)),
                p => Assert.Contains((p.Protocol, judge.ClassOf(p.Protocol, p.Port)), classes));
        }
    }

    /// <summary>Reads rows as from a target; endpoints have the port numbers 0, 1, … in the order of their names.</summary>
    private static PolicyTargetRows Read(PolicyCompiler compiler, IEnumerable<PolicyRow> rows)
    {
        var target = new PolicyTargetRows();
        foreach (var row in rows)
        {
            target.Add(row);
        }

        var port = 0u;
        foreach (var (id, endpoint) in compiler.Model.Endpoints.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            var sets = new PolicySets(compiler.SetOf(id, PolicyDirection.Egress), compiler.SetOf(id, PolicyDirection.Ingress));
            target.PortSets.Add(port++, sets);
            foreach (var address in endpoint.Addresses)
            {
                target.Bind(address, sets);
            }
        }

        return target;
    }

    private static TargetComparison Compare(CompiledWorld world, PolicyTargetRows rows) => Compare(world.Compiler, rows);

    private static TargetComparison Compare(PolicyCompiler compiler, PolicyTargetRows rows, bool isClosed = false)
    {
        var comparison = new TargetComparison(compiler.Model.Copy(), n => compiler.Rules[n], rows, _ => true, default);
        var port = 0u;
        foreach (var (id, endpoint) in compiler.Model.Endpoints.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            comparison.Compare(new JudgedEndpoint(id, endpoint.Addresses, port++, endpoint, isClosed, isClosed, false));
        }

        return comparison;
    }

    /// <summary>By brute force: all addresses and ports of the random world.</summary>
    private static bool IsWrongAnywhere(CompiledWorld world, PolicyTargetRows rows)
    {
        var (model, judge) = (world.Compiler.Model, new TargetRowJudge(rows));
        return (from e in model.Endpoints
                from d in Enum.GetValues<PolicyDirection>()
                let set = world.Compiler.SetOf(e.Key, d)
                where set != 0
                from a in RandomWorld.Addresses
                where e.Value.Addresses.Any(own => own.IsIpv4 == a.IsIpv4)
                from p in RandomWorld.Ports
                let expected = PolicyEvaluator.Judge(model, e.Value, d, new PolicyPacket(a, p.Protocol, p.Port))
                let found = judge.Judge(d, set, judge.ClassOf(a), judge.ClassOf(p.Protocol, p.Port))
                select (found.Row?.IsAllowed ?? (found.Group & 1) == 1) != expected.IsAllowed).Any(w => w);
    }

    /// <summary>The row as a fault might leave it; null: lost.</summary>
    private static PolicyRow? Change(CompiledWorld world, PolicyRow row)
    {
        var (peers, ports) = (world.Compiler.PeerClasses.ToList(), world.Compiler.PortClasses.ToList());
        return world.Random.Chance(0.3) ? null : row switch
        {
            PeerRow peer => peer with { Class = world.Random.Pick(peers).Number },
            NetRow net => net with { Class = world.Random.Pick(peers).Number },
            PortRow port => port with { Class = world.Random.Pick(ports).Number },
            PortRangeRow range => range with { Class = world.Random.Pick(ports).Number },
            GroupRow group => group with { Group = group.Set },
            VerdictRow verdict => verdict with { Verdict = verdict.Verdict with { IsAllowed = !verdict.Verdict.IsAllowed } },
            _ => null,
        };
    }

    private static (PolicyModel Model, PolicyCompiler Compiler) OnePolicy()
    {
        var compiler = new PolicyCompiler();
        compiler.SetPolicy("p", new PolicyRules(
            [new PolicyRule("p in", PolicyAction.Allow, new RuleMatch { Protocol = IpProtocol.Tcp, Ports = [new(80, 80)] })], []));
        compiler.SetEndpoint("e", new EndpointPolicy(
            [PolicyAddress.Parse("10.0.0.1")],
            new DirectionPolicy([new TierPolicies("t", PolicyAction.Deny, ["p"])], true), DirectionPolicy.Open));
        return (compiler.Model, compiler);
    }
}
