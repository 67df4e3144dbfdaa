using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy.Wire;

/// <summary>
/// Calico's own tests of its policy programs, with packets: once as ingress of their destinations, once as egress of their sources. The
/// pipeline forwards IPv4, so that the programs with IPv6 packets are judged without packets only (<see cref="FelixProgramTests"/>).
/// </summary>
public sealed class FelixWireTests(FelixWireTests.Node fixture) : IClassFixture<FelixWireTests.Node>
{
    private static readonly IReadOnlyDictionary<string, FelixProgram> Programs =
        FelixProgram.Load().Where(p => p.Value.Packets.All(k => k.Source.IsIpv4)).ToDictionary();

    public static TheoryData<string, bool> Names =>
        [.. Programs.Keys.SelectMany(n => new[] { new TheoryDataRow<string, bool>(n, true), new TheoryDataRow<string, bool>(n, false) })];

    [Fact]
    public void Every_program_for_IPv4_is_there() => Assert.Equal(60, Programs.Values.Select(p => p.Program).Distinct().Count());

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Packets_arrive_as_in_Felix(string name, bool isIngress)
    {
        Needs.Tap();
        var node = await fixture.StartAsync();
        var program = Programs[name];
        var compiler = new PolicyCompiler();
        var policy = program.Define(compiler, isIngress ? PolicyDirection.Ingress : PolicyDirection.Egress);
        var open = new DirectionPolicy([], IsOpen: true);
        foreach (var own in program.Packets.Select(p => isIngress ? p.Destination : p.Source).Distinct())
        {
            compiler.SetEndpoint($"{own}", isIngress ? new EndpointPolicy([own], policy, open) : new EndpointPolicy([own], open, policy));
        }

        await node.LoadAsync(compiler);
        // A pod is not judged for what it sends to itself.
        node.Pods.Verify(program.Packets.Where(p => p.Source != p.Destination)
            .Select(p => new Probe($"{p.Source}", $"{p.Destination}", p.Protocol, p.Port, p.IsAllowed)));
    }

    /// <summary>One node for all programs: its pods have the packets' addresses.</summary>
    public sealed class Node : IAsyncDisposable
    {
        private CompiledNode? _node;

        internal async Task<CompiledNode> StartAsync()
        {
            if (_node is null)
            {
                _node = await CompiledNode.StartAsync();
                var packets = Programs.Values.SelectMany(p => p.Packets);
                foreach (var address in packets.SelectMany(p => new[] { p.Source, p.Destination }).Distinct())
                {
                    await _node.AttachAsync($"{address}", address.ToIPAddress());
                }
            }

            return _node;
        }

        public ValueTask DisposeAsync() => _node?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
