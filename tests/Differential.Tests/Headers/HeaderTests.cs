using System.Buffers.Binary;
using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Coverage;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle;
using ACCOffload.DpdkOracle.Coverage;

namespace ACCOffload.Differential.Tests.Headers;

/// <summary>Header extraction, push, pop, reordering and recirculation.</summary>
public sealed class HeaderTests(ITestOutputHelper output)
{
    private const int States = 30;
    private const int PacketsPerState = 60;
    private const int Plans = 14;

    [Fact]
    public async Task Header_operations_give_the_same_packets()
    {
        Needs.NotMissing(OracleProgram.Missing);
        var spec = TestSettings.Spec("headers.spec");
        var instrumented = new InstrumentedSpec(spec);
        var report = new CoverageReport();
        var total = await RunAsync("headers", spec, TestSettings.Seed);
        var counted = await RunAsync("headers-counted", instrumented.Text, TestSettings.Seed + 1);
        instrumented.Report(counted.Registers[InstrumentedSpec.Array], report.Instruction);
        total.Add(counted);
        output.WriteLine(report.Text("headers", total));
        Assert.True(total.Transmitted > total.Packets / 2);
        Assert.Empty(report.Missed);
        Assert.True(total.Clones > 0);
        Assert.Empty(total.Actions.Where(a => a.Value == 0).Select(a => a.Key));
    }

    private static async Task<Tally> RunAsync(string name, string spec, int seed)
    {
        var dice = new Dice(seed);
        var entries = new EntryGenerator(
            dice, (field, bytes) => field == "m.plan" ? [(byte)dice.Below(Plans)] : dice.Bytes(bytes));
        await using var both = await SideBySide.StartAsync(name, spec, EndsInHeader);
        for (var session = 0; session < 64; session++)
        {
            both.SetMirrorSession(session, (uint)dice.Below(16), dice.Percent(50) ? 0 : 1 + dice.Below(80));
        }

        var table = both.Program.FindTable("pushes")!;
        for (var state = 0; state < States * TestSettings.Scale; state++)
        {
            for (var i = 0; i < 3; i++)
            {
                var entry = entries.Entry(table);
                if (dice.Percent(60))
                {
                    both.Put(entry);
                }
                else if (both.Entries(table).Count > 0)
                {
                    both.Remove(dice.Pick([.. both.Entries(table)]));
                }
            }
            both.Commit();
            for (var i = 0; i < PacketsPerState; i++)
            {
                both.Send(new Packet((uint)dice.Below(16), Frame(dice)));
            }

            both.CompareRegisters();
            both.CompareLookups();
            await both.FlushAsync();
        }
        return both.Tally;
    }

    private static byte[] Frame(Dice dice)
    {
        // A recirculated packet may have a pushed header and is parsed again, so it needs enough bytes.
        var bytes = dice.Bytes(130 + dice.Below(60));
        bytes[0] = (byte)dice.Below(Plans);
        bytes[4] = (byte)dice.Below(16);
        bytes[5] = (byte)dice.Below(3);
        bytes[7] = (byte)dice.Below(7);
        bytes[8] = (byte)dice.Below(6);
        return bytes[0] != 6 && dice.Percent(15) ? bytes[..dice.Below(60)] : bytes;
    }

    /// <summary>A hand-written model of what the specification's parser reads.</summary>
    private static bool EndsInHeader(Packet packet)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        if (bytes.Length < 9)
        {
            return true;
        }

        var size = bytes[8] switch
        {
            1 => 8 + (9 * 3),
            2 => 8 + 3 + 36,
            3 => 8 + 3 + (BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) & 0x1F),
            4 => 8,
            _ => 8 + 3,
        };
        return bytes.Length < size;
    }
}
