using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Random sequences of changes of everything in the model.</summary>
public sealed class ChangeSequenceTests
{
    private const int Changes = 20;

    private static readonly Gen<int> Seeds = Gen.Int[0, int.MaxValue];

    /// <summary>With rows only to count packets: never, while there are few, always.</summary>
    public static TheoryData<int> CountedRows => [0, 150, int.MaxValue];

    [Theory]
    [MemberData(nameof(CountedRows))]
    public void After_each_step_every_point_is_judged_as_before_the_change_or_as_after_it(int countedRows) => Seeds.Sample(
        seed =>
        {
            // Where rules ask for the endpoint's own sets, a block that holds it and its peers is not one step.
            var world = CompiledWorld.Complete(seed, hasOwnSets: false, countedRows);
            for (var i = 0; i < Changes; i++)
            {
                var packets = Enumerable.Range(0, 80).Select(_ => world.Random.Packet()).ToList();
                var before = Judge(world, packets);
                var changes = world.Change();
                world.Tables.Learn(world.Compiler);
                var afterEach = new List<Dictionary<(string, PolicyDirection, PolicyPacket), PolicyVerdict?>>();
                foreach (var change in changes)
                {
                    world.Tables.Apply(change);
                    afterEach.Add(Judge(world, packets));
                }

                var after = Judge(world, packets);
                for (var step = 0; step < afterEach.Count; step++)
                {
                    foreach (var (point, verdict) in afterEach[step].Where(p => before.ContainsKey(p.Key) && after.ContainsKey(p.Key)))
                    {
                        if (!IsLike(verdict, before[point]) && !IsLike(verdict, after[point]))
                        {
                            Assert.Fail($"seed {seed}, change {i}, step {step} ({changes[step]}): {point} is {verdict}, neither " +
                                $"{before[point]} nor {after[point]}");
                        }
                    }
                }
            }
        },
        iter: 4);

    [Theory]
    [MemberData(nameof(CountedRows))]
    public void A_sequence_of_changes_ends_with_the_tables_of_a_fresh_compile(int countedRows) => Seeds.Sample(
        seed =>
        {
            var world = CompiledWorld.Complete(seed, countedRows: countedRows);
            for (var i = 0; i < Changes; i++)
            {
                world.Write(world.Change());
                // An endpoint that keeps its former tables has no fresh ones to compare.
                if (world.Compiler.Unresolved.Count == 0)
                {
                    var (compiler, tables) = Fresh(world.Compiler.Model, countedRows);
                    Assert.Equal(CanonicalTables.Of(tables, compiler), CanonicalTables.Of(world.Tables, world.Compiler));
                }
            }
        },
        iter: 15);

    [Theory]
    [MemberData(nameof(CountedRows))]
    public void After_each_change_the_tables_answer_as_the_evaluator(int countedRows) => Seeds.Sample(
        seed =>
        {
            var world = CompiledWorld.Complete(seed, countedRows: countedRows);
            for (var i = 0; i < Changes; i++)
            {
                world.Write(world.Change());
                foreach (var (id, endpoint) in world.Compiler.Model.Endpoints.Where(e => !world.Compiler.Unresolved.Contains(e.Key)))
                {
                    foreach (var direction in Enum.GetValues<PolicyDirection>())
                    {
                        foreach (var packet in Enumerable.Range(0, 100).Select(_ => world.Random.Packet()))
                        {
                            if (world.CanHave(id, packet.Peer) && world.Tables.Judge(world.Compiler, id, direction, packet) is { } verdict)
                            {
                                Assert.Equal(PolicyEvaluator.Judge(world.Compiler.Model, endpoint, direction, packet), verdict);
                            }
                        }
                    }
                }
            }
        },
        iter: 10);

    [Fact]
    public void Every_packet_is_counted_while_there_are_few_rows_and_else_only_what_differs_has_a_row() => Seeds.Sample(
        seed =>
        {
            const int Limit = 150;
            var (world, bare) = (CompiledWorld.Complete(seed, countedRows: Limit), CompiledWorld.Complete(seed));
            for (var i = 0; i < Changes; i++)
            {
                world.Write(world.Change());
                bare.Write(bare.Change());
                var groups = world.Compiler.Sets.Count + world.Compiler.Groups.Count;
                var all = groups * world.Compiler.PortClasses.Count;
                Assert.Equal(
                    all <= Limit ? all : bare.Tables.Rows.OfType<VerdictRow>().Count(), world.Tables.Rows.OfType<VerdictRow>().Count());
            }
        },
        iter: 30);

    [Theory]
    [MemberData(nameof(CountedRows))]
    public void When_the_last_endpoint_is_gone_no_row_is_left(int countedRows) => Seeds.Sample(
        seed =>
        {
            var world = CompiledWorld.Complete(seed, countedRows: countedRows);
            foreach (var endpoint in RandomWorld.EndpointIds)
            {
                world.Write(world.Change());
                world.Write(world.Compiler.SetEndpoint(endpoint, null));
            }

            world.Write(world.Compiler.SetEndpoints([.. world.Compiler.Model.Endpoints.Keys.Select(e => (e, (EndpointPolicy?)null))]));

            Assert.Empty(world.Tables.Rows);
            Assert.Empty(world.Compiler.Sets);
            Assert.Empty(world.Compiler.Groups);
            Assert.Single(world.Compiler.PeerClasses);
            Assert.Single(world.Compiler.PortClasses);
        },
        iter: 15);

    private static bool IsLike(PolicyVerdict? verdict, PolicyVerdict? other) => verdict == other
        || (verdict is { Rule: "" } unnamed && other is { } named && unnamed with { Rule = named.Rule } == named);

    private static Dictionary<(string Endpoint, PolicyDirection Direction, PolicyPacket Packet), PolicyVerdict?> Judge(
        CompiledWorld world, List<PolicyPacket> packets)
    {
        var verdicts = new Dictionary<(string Endpoint, PolicyDirection Direction, PolicyPacket Packet), PolicyVerdict?>();
        var peers = packets.Select(p => p.Peer).Distinct().ToDictionary(a => a, world.Tables.PeerClass);
        var ports = packets.Select(p => (p.Protocol, p.Port)).Distinct()
            .ToDictionary(p => p, p => world.Tables.PortClass(p.Protocol, p.Port));
        foreach (var binding in world.Tables.Rows.OfType<BindingRow>())
        {
            foreach (var packet in packets)
            {
                verdicts[(binding.Endpoint, binding.Direction, packet)] = binding.Set == 0 ? null : world.Tables.Judge(
                    world.Compiler, binding.Direction, binding.Set, peers[packet.Peer], ports[(packet.Protocol, packet.Port)]);
            }
        }

        return verdicts;
    }

    private static (PolicyCompiler Compiler, PolicyTables Tables) Fresh(PolicyModel model, int countedRows)
    {
        var (compiler, tables) = (new PolicyCompiler(null, countedRows), new PolicyTables());
        var changes = new List<RowChange>();
        changes.AddRange(compiler.SetPodRanges(model.PodRanges));
        foreach (var (id, nets) in model.Sets)
        {
            changes.AddRange(compiler.SetNets(id, nets));
        }

        foreach (var (id, policy) in model.Policies)
        {
            changes.AddRange(compiler.SetPolicy(id, policy));
        }

        foreach (var address in model.Peers.Addresses)
        {
            Assert.True(model.Peers.TryFind(address, out var group));
            changes.AddRange(compiler.SetPeer(address, group.Membership));
        }

        changes.AddRange(compiler.SetEndpoints([.. model.Endpoints.Select(e => (e.Key, (EndpointPolicy?)e.Value))]));
        tables.Learn(compiler);
        tables.Apply(changes);
        return (compiler, tables);
    }
}
