using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>A compiler with a random model, and the tables that it writes.</summary>
internal sealed class CompiledWorld
{
    private static readonly PolicyNet[] PodRanges = [PolicyNet.Parse("10.0.0.0/28"), PolicyNet.Parse("fd00::/124")];

    private CompiledWorld(RandomWorld random, int countedRows) => (Random, Compiler) = (random, new PolicyCompiler(null, countedRows));

    public RandomWorld Random { get; }

    public PolicyCompiler Compiler { get; }

    public PolicyTables Tables { get; } = new();

    /// <summary>A world where everything exists that something refers to.</summary>
    public static CompiledWorld Complete(int seed, bool hasOwnSets = true, int countedRows = 0)
    {
        var world = new CompiledWorld(new RandomWorld(seed) { HasOwnSets = hasOwnSets }, countedRows);
        var (random, compiler) = (world.Random, world.Compiler);
        foreach (var set in RandomWorld.SetIds)
        {
            compiler.SetNets(set, random.Chance(0.4) ? random.Nets(2) : []);
        }

        foreach (var set in RandomWorld.NamedIds)
        {
            compiler.SetNets(set, []);
        }

        foreach (var pod in RandomWorld.Addresses.Where(a => random.Chance(RandomWorld.Pods.Contains(a) ? 0.7 : 0.1)))
        {
            compiler.SetPeer(pod, random.Membership());
        }

        if (random.Chance(0.7))
        {
            compiler.SetPodRanges(PodRanges);
        }

        foreach (var id in RandomWorld.PolicyIds)
        {
            compiler.SetPolicy(id, random.Policy(id));
        }

        world.Write(compiler.SetEndpoints([.. RandomWorld.EndpointIds.Select(id => (id, (EndpointPolicy?)random.Endpoint(id)))]));
        return world;
    }

    public void Write(IReadOnlyList<RowChange> changes)
    {
        Tables.Learn(Compiler);
        Tables.Apply(changes);
    }

    /// <summary>A packet of a family that the endpoint has.</summary>
    public bool CanHave(string endpoint, PolicyAddress peer) =>
        Compiler.Model.Endpoints[endpoint].Addresses.Any(a => a.IsIpv4 == peer.IsIpv4);

    public IReadOnlyList<RowChange> Change()
    {
        var id = Random.Pick(RandomWorld.PolicyIds);
        var endpoint = Random.Pick(RandomWorld.EndpointIds);
        var set = Random.Pick(RandomWorld.SetIds);
        return Random.Next(12) switch
        {
            0 or 1 or 2 => Compiler.SetPolicy(id, Random.Policy(id)),
            3 => Compiler.SetPolicy(id, Random.Chance(0.5) ? null : Random.Policy(id)),
            4 or 5 => Compiler.SetEndpoint(endpoint, Random.Endpoint(endpoint)),
            6 => Compiler.SetEndpoint(endpoint, Random.Chance(0.5) ? null : Random.Endpoint(endpoint)),
            7 => Compiler.SetNets(set, Random.Nets(3)),
            8 => Random.Chance(0.2) ? Compiler.SetNets(set, null) : Compiler.SetNets(set, Random.Nets(1)),
            9 => Compiler.SetPodRanges(Random.Chance(0.5) ? [] : Random.Chance(0.5) ? PodRanges : Random.Nets(2)),
            _ => Compiler.SetPeer(Random.Pick(RandomWorld.Addresses), Random.Chance(0.2) ? null : Random.Membership()),
        };
    }
}
