using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>
/// The tables say what the reference evaluator says: verdict, rule, logging, and what staged policies would drop. Over random policies with
/// every field. <c>ACCOFFLOAD_TEST_POLICY_PAIRS</c> sets the number of (policy, packet) pairs.
/// </summary>
public sealed class EveryPointTests(ITestOutputHelper output)
{
    private const int RandomPackets = 1000;

    private static readonly long Pairs = long.Parse(
        Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_POLICY_PAIRS") ?? "1000000", CultureInfo.InvariantCulture);

    [Fact]
    public void Tables_answer_as_the_evaluator_on_every_set_peer_class_and_port_class()
    {
        long pairs = 0, worlds = 0;
        var seeds = Gen.Int[0, int.MaxValue];
        while (pairs < Pairs)
        {
            seeds.Sample(seed => Interlocked.Add(ref pairs, Compare(seed)), iter: 16);
            worlds += 16;
        }

        output.WriteLine($"{pairs} (policy, packet) pairs in {worlds} random models");
    }

    private static long Compare(int seed)
    {
        var world = CompiledWorld.Complete(seed);
        // One address for each class and family, since an endpoint may have addresses of only one.
        var peers = RandomWorld.Addresses.GroupBy(a => (world.Tables.PeerClass(a), a.IsIpv4)).Select(g => g.Last()).ToList();
        var ports = RandomWorld.Ports.GroupBy(p => world.Tables.PortClass(p.Protocol, p.Port)).Select(g => g.Last()).ToList();
        var seen = ports.Select(p => world.Tables.PortClass(p.Protocol, p.Port)).ToHashSet();
        Assert.True(world.Compiler.PortClasses.All(c => seen.Contains(c.Number)), $"seed {seed}: a port class has no port");
        long pairs = 0;
        foreach (var (id, endpoint) in world.Compiler.Model.Endpoints)
        {
            foreach (var direction in Enum.GetValues<PolicyDirection>())
            {
                var packets = peers.SelectMany(a => ports.Select(p => new PolicyPacket(a, p.Protocol, p.Port)))
                    .Concat(Enumerable.Range(0, RandomPackets).Select(_ => world.Random.Packet()))
                    .Where(p => world.CanHave(id, p.Peer));
                foreach (var packet in packets)
                {
                    pairs++;
                    var expected = PolicyEvaluator.Judge(world.Compiler.Model, endpoint, direction, packet);
                    var actual = world.Tables.Judge(world.Compiler, id, direction, packet);
                    if (actual is null ? !expected.IsAllowed || expected.IsLogged || expected.WouldDrop.Length > 0 : expected != actual)
                    {
                        Assert.Fail($"seed {seed}: {id} {direction} {packet}: {expected} expected, {actual}");
                    }
                }
            }
        }

        return pairs;
    }
}
