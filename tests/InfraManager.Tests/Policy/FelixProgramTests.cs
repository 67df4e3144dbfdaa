using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>
/// The packets that Calico's own tests of its policy programs allow and drop. Each packet is judged twice: as ingress of its destination,
/// and as egress of its source.
/// </summary>
public sealed class FelixProgramTests
{
    private const string Endpoint = "endpoint";
    private static readonly IReadOnlyDictionary<string, FelixProgram> Programs = FelixProgram.Load();

    public static TheoryData<string> Names => [.. Programs.Keys];

    [Fact]
    public void Every_program_of_Calico_is_there() => Assert.Equal(99, Programs.Values.Select(p => p.Program).Distinct().Count());

    [Theory]
    [MemberData(nameof(Names))]
    public void Packets_pass_as_in_Felix(string name)
    {
        foreach (var direction in Enum.GetValues<PolicyDirection>())
        {
            foreach (var packet in Programs[name].Packets)
            {
                Assert.True(packet.IsAllowed == IsAllowed(Programs[name], direction, packet), $"{direction} {packet}");
            }
        }
    }

    private static bool IsAllowed(FelixProgram program, PolicyDirection direction, FelixPacket packet)
    {
        var (own, peer) = direction == PolicyDirection.Ingress ? (packet.Destination, packet.Source) : (packet.Source, packet.Destination);
        var judged = new PolicyPacket(peer, packet.Protocol, packet.Port);
        var (compiler, tables) = (new PolicyCompiler(), new PolicyTables());
        var policy = program.Define(compiler, direction);
        var endpoint = new EndpointPolicy([own], policy, policy);
        var changes = compiler.SetEndpoint(Endpoint, endpoint);
        tables.Learn(compiler);
        tables.Apply(changes);
        var expected = PolicyEvaluator.Judge(compiler.Model, endpoint, direction, judged);
        // Without tiers and open there are no rows: nothing is judged.
        Assert.Equal(
            policy.IsUnrestricted ? null : expected, tables.Judge(compiler, Endpoint, direction, judged));
        return expected.IsAllowed;
    }
}
