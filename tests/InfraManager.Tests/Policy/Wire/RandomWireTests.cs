using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>Random policies with every field, and random changes of them: packets arrive if the evaluator says so at both ends.</summary>
public sealed class RandomWireTests(ITestOutputHelper output)
{
    private const int Worlds = 25;
    private const int Changes = 4;
    private const int Packets = 640;

    // What the pipeline drops as a source or destination before it asks policy.
    private static readonly string[] NotUnicast = ["0.0.0.0", "255.255.255.255"];

    private static readonly IReadOnlyList<PolicyAddress> Addresses =
        [.. RandomWorld.Addresses.Where(a => a.IsIpv4 && !NotUnicast.Contains($"{a}"))];

    [Fact]
    public async Task Packets_arrive_as_the_evaluator_says()
    {
        Needs.Tap();
        await using var node = await CompiledNode.StartAsync();
        var ends = RandomWorld.EndpointIds.Select((e, i) => (e, RandomWorld.Pods[i])).ToDictionary(p => p.Item2, p => p.e);
        foreach (var address in Addresses)
        {
            await node.AttachAsync(NameOf(address), address.ToIPAddress());
        }

        for (var seed = 1; seed <= Worlds; seed++)
        {
            var world = CompiledWorld.Complete(seed);
            await node.LoadAsync(world.Compiler);
            node.Pods.Verify(Probes(world));
            for (var i = 0; i < Changes; i++)
            {
                var changes = world.Change();
                world.Write(changes);
                await node.ApplyAsync(changes);
                node.Pods.Verify(Probes(world));
            }
        }

        output.WriteLine($"{node.Pods.Verified} packets in {Worlds} random models");
        Assert.True(node.Pods.Verified > 20_000, $"{node.Pods.Verified} packets");

        string NameOf(PolicyAddress address) => ends.GetValueOrDefault(address, $"{address}");

        IEnumerable<Probe> Probes(CompiledWorld world)
        {
            var random = world.Random;
            // An endpoint whose policies do not all exist keeps the tables that it had.
            var judged = world.Compiler.Model.Endpoints.Where(e => !world.Compiler.Unresolved.Contains(e.Key)).ToDictionary();
            var known = judged.Where(e => e.Value.Addresses.Any(a => a.IsIpv4)).Select(e => e.Key).ToList();
            var others = Addresses.Where(a => !ends.ContainsKey(a)).Select(NameOf).Concat(known).ToList();
            var addressOf = Addresses.ToDictionary(NameOf);
            for (var i = 0; known.Count > 0 && i < Packets; i++)
            {
                var (one, other) = (random.Pick(known), random.Pick(others));
                var (from, to) = random.Chance(0.5) ? (one, other) : (other, one);
                var packet = random.Packet();
                if (from == to || Port(packet) is not { } port)
                {
                    continue;
                }

                var passes = Allows(from, PolicyDirection.Egress, to) && Allows(to, PolicyDirection.Ingress, from);
                yield return new Probe(from, to, packet.Protocol, port, passes);

                bool Allows(string own, PolicyDirection direction, string peer) => !judged.TryGetValue(own, out var endpoint)
                    || PolicyEvaluator.Judge(
                        world.Compiler.Model, endpoint, direction, new PolicyPacket(addressOf[peer], packet.Protocol, port)).IsAllowed;
            }
        }
    }

    /// <summary>Null if IPv4 has no such packet that stands for itself.</summary>
    private static ushort? Port(PolicyPacket packet) => packet.Protocol switch
    {
        IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp => packet.Port,
        // Errors belong to the flow that they quote.
        IpProtocol.Icmp => packet.Port >> 8 is 3 or 4 or 5 or 11 or 12 ? null : packet.Port,
        IpProtocol.Icmpv6 => null,
        _ => 0,
    };
}
