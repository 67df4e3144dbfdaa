using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Coverage;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle;
using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.Programs;

/// <summary>Random programs compute the same in DPDK and in the engine, whatever the widths of their operands.</summary>
public sealed class ProgramTests(ITestOutputHelper output)
{
    private const int Programs = 20;
    private const int StatesPerProgram = 3;
    private const int PacketsPerState = 40;

    [Fact]
    public async Task Random_programs_give_the_same_results()
    {
        Needs.NotMissing(OracleProgram.Missing);
        var dice = new Dice(TestSettings.Seed);
        var generator = new ProgramGenerator(dice);
        var (total, report) = (new Tally(), new CoverageReport());
        for (var i = 0; i < Programs * TestSettings.Scale; i++)
        {
            var text = generator.Next();
            var instrumented = new InstrumentedSpec(text);
            // Every other program runs unchanged, because counters split instructions that DPDK fuses.
            var counted = i % 2 == 1;
            await using var both = await SideBySide.StartAsync($"program{i}", counted ? instrumented.Text : text);
            await RunAsync(both, dice, generator.HeaderBytes);
            total.Add(both.Tally);
            if (counted)
            {
                instrumented.Report(both.Tally.Registers[InstrumentedSpec.Array], report.Instruction);
            }
        }
        output.WriteLine(report.Text("programs", total));
        Assert.Equal(total.Packets, total.Transmitted);
        Assert.Empty(ProgramGenerator.Variants.SelectMany(Outcomes).Except(report.Executed));
    }

    private static IEnumerable<string> Outcomes(string variant)
        => InstructionVariant.IsConditional(variant) ? [$"{variant} taken", $"{variant} not taken"] : [variant];

    private static async Task RunAsync(SideBySide both, Dice dice, int headerBytes)
    {
        var entries = new EntryGenerator(dice, (name, bytes) =>
            name == "m.v4" ? [(byte)dice.Below(4)] : dice.Percent(40) ? Dice.Number((ulong)dice.Below(2), bytes) : dice.Value(bytes));
        var table = both.Program.FindTable("choose")!;
        for (var state = 0; state < StatesPerProgram; state++)
        {
            for (var i = 0; i < 4; i++)
            {
                both.Put(entries.Entry(table));
            }

            both.Commit();
            for (var i = 0; i < PacketsPerState; i++)
            {
                both.Send(new Packet((uint)dice.Below(16), Frame(dice, headerBytes)));
            }

            both.CompareRegisters();
            both.CompareLookups();
            await both.FlushAsync();
        }
    }

    private static byte[] Frame(Dice dice, int headerBytes)
    {
        var bytes = new List<byte>();
        while (bytes.Count < headerBytes)
        {
            bytes.AddRange(dice.Value(1 + dice.Below(8)));
        }

        return [.. bytes.Take(headerBytes), .. dice.Bytes(dice.Below(40))];
    }
}
