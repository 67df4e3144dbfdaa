using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Coverage;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle;
using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>The committed pipeline gives the same packets and counters in DPDK and in the engine.</summary>
public sealed class K8sPipelineTests(ITestOutputHelper output)
{
    private const int States = 260;
    private const int PacketsPerState = 60;

    [Fact]
    public async Task The_committed_pipeline_behaves_the_same_in_DPDK_and_in_the_engine()
    {
        Needs.NotMissing(OracleProgram.MissingWithClock);
        var spec = TestSettings.Spec("k8s_dp.spec");
        var instrumented = new InstrumentedSpec(spec);

        // Unchanged, and with a counter before each instruction: the counters also split instructions that DPDK fuses.
        var tally = await RunAsync("k8s_dp", spec, seed: TestSettings.Seed);
        var counted = await RunAsync("k8s_dp-counted", instrumented.Text, seed: TestSettings.Seed + 1);

        var report = new CoverageReport();
        instrumented.Report(counted.Registers[InstrumentedSpec.Array], report.Instruction);
        tally.Add(counted);
        output.WriteLine(report.Text("k8s_dp", tally));

        Assert.True(tally.Packets >= 10_000 && tally.States >= 200);
        Assert.True(tally.Transmitted > tally.Packets / 2, $"only {tally.Transmitted} of {tally.Packets} packets came out");
        // By instruction variant: p4c leaves some unreachable jumps.
        Assert.Empty(report.Missed);
        Assert.All(tally.Lookups, l => Assert.True(l.Value.Hits > 0 && l.Value.Misses > 0, l.Key));
        Assert.Empty(tally.Actions.Where(a => a.Value == 0).Select(a => a.Key));
    }

    private static async Task<Tally> RunAsync(string name, string spec, int seed)
    {
        var dice = new Dice(seed);
        var world = new K8sWorld(dice);
        var packets = new K8sPackets(dice, world);
        await using var both = await SideBySide.StartAsync(name, spec, K8sPackets.EndsInHeader);
        for (var state = 0; state < States * TestSettings.Scale; state++)
        {
            world.Change(both);
            for (var i = 0; i < PacketsPerState; i++)
            {
                packets.Answer(both.Send(packets.Next()));
            }
            // The direct counters are large: compare them entry by entry, and completely at the end.
            both.CompareRegisters("service_packets_0", "backend_packets_0", "rule_packets_0");
            both.CompareKeyedRegisters("service_packets_0", "services");
            both.CompareKeyedRegisters("backend_packets_0", "backends");
            both.CompareKeyedRegisters("rule_packets_0", "verdicts");
            both.CompareLookups();
            // Steps are multiples of 16 seconds, so that no learner entry is so close to its deadline that DPDK's rounding matters.
            if (dice.Percent(30))
            {
                both.Advance(TimeSpan.FromSeconds(16 * (1 + dice.Below(3))));
            }

            await both.FlushAsync();
        }
        both.CompareRegisters();
        await both.FlushAsync();
        // The pipeline never reads beyond the end of a packet.
        Assert.Equal(0, both.Engine.Statistics.Faulted);
        return both.Tally;
    }
}
