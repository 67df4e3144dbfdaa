using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Coverage;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle;
using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.Learners;

/// <summary>
/// Learning, rearming, forgetting and timeouts. DPDK rounds deadlines down to multiples of 2^32 cycles, so an entry may expire
/// that much too early. Here time advances in steps of ten seconds and timeouts end halfway between, so that both agree on any
/// machine whose time stamp counter runs at 1 GHz or more.
/// </summary>
public sealed class LearnerTests(ITestOutputHelper output)
{
    private const int Rounds = 120;
    private const int PacketsPerRound = 25;

    [Fact]
    public async Task Learners_learn_and_expire_the_same_entries()
    {
        Needs.NotMissing(OracleProgram.MissingWithClock);
        var spec = TestSettings.Spec("learners.spec");
        var instrumented = new InstrumentedSpec(spec);
        var report = new CoverageReport();
        var total = await RunAsync("learners", spec, TestSettings.Seed);
        var counted = await RunAsync("learners-counted", instrumented.Text, TestSettings.Seed + 1);
        instrumented.Report(counted.Registers[InstrumentedSpec.Array], report.Instruction);
        total.Add(counted);
        output.WriteLine(report.Text("learners", total));
        Assert.Equal(total.Packets, total.Transmitted);
        Assert.Empty(report.Missed);
        Assert.All(total.Lookups, l => Assert.True(l.Value.Hits > 100 && l.Value.Misses > 100, l.Key));
        Assert.Empty(total.Actions.Where(a => a.Value == 0).Select(a => a.Key));
    }

    private static async Task<Tally> RunAsync(string name, string spec, int seed)
    {
        var dice = new Dice(seed);
        await using var both = await SideBySide.StartAsync(name, spec);
        for (var round = 0; round < Rounds * TestSettings.Scale; round++)
        {
            if (round % 40 == 39)
            {
                both.SetTimeout("flows", dice.Below(3), dice.Pick(15, 25, 85, 145));
            }

            for (var i = 0; i < PacketsPerRound; i++)
            {
                both.Send(new Packet((uint)dice.Below(16), Frame(dice)));
            }

            both.CompareRegisters();
            both.CompareLookups();
            both.Advance(TimeSpan.FromSeconds(10 * dice.Pick(0, 1, 1, 2, 3)));
            await both.FlushAsync();
        }
        return both.Tally;
    }

    private static byte[] Frame(Dice dice)
    {
        var command = (byte)(dice.Percent(50) ? 0 : dice.Below(6));
        // Few flows, so that most packets match a known one. A DPDK bucket has four entries; more would not be learned.
        return [command, (byte)dice.Below(7), 0, (byte)dice.Below(5), 0, 0, 0, (byte)dice.Below(8), .. dice.Bytes(8),
            .. dice.Bytes(dice.Below(40))];
    }
}
