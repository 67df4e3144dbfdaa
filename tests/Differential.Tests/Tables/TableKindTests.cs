using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Coverage;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.DpdkOracle;
using ACCOffload.DpdkOracle.Coverage;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Differential.Tests.Tables;

/// <summary>Every kind of table, selectors, direct counters, hashes and meters, with tables that change.</summary>
public sealed class TableKindTests(ITestOutputHelper output)
{
    private const int States = 40;
    private const int PacketsPerState = 50;

    // Entries and packets take their keys from the same few values.
    private static readonly string[] Addresses = ["20010db8000000000000000000000001", "20010db8000000000000000000000002",
        "20010db8000000010000000000000001", "fe800000000000000000000000000001", "00000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffff"];

    [Fact]
    public async Task Every_kind_of_table_gives_the_same_lookups()
    {
        Needs.NotMissing(OracleProgram.Missing);
        var spec = TestSettings.Spec("tables.spec");
        var instrumented = new InstrumentedSpec(spec);
        var report = new CoverageReport();
        var total = await RunAsync("tables", spec, TestSettings.Seed);
        var counted = await RunAsync("tables-counted", instrumented.Text, TestSettings.Seed + 1);
        instrumented.Report(counted.Registers[InstrumentedSpec.Array], report.Instruction);
        total.Add(counted);
        output.WriteLine(report.Text("tables", total));
        Assert.True(total.Transmitted > total.Packets / 2);
        Assert.Empty(report.Missed);
        Assert.All(total.Lookups.Where(l => l.Key != "keyless"), l => Assert.True(l.Value.Hits > 0 && l.Value.Misses > 0, l.Key));
        Assert.Empty(total.Actions.Where(a => a.Value == 0).Select(a => a.Key));
    }

    private static async Task<Tally> RunAsync(string name, string spec, int seed)
    {
        var dice = new Dice(seed);
        var entries = new EntryGenerator(dice, (field, bytes) => Value(dice, field, bytes));
        await using var both = await SideBySide.StartAsync(name, spec);
        // The burst lasts for some packets; the rate refills nothing because the clock stands still.
        for (uint i = 0; i < 16; i++)
        {
            both.SetMeter("rates", i, 1, 2, 700 + (100ul * i), 1500);
        }

        for (var state = 0; state < States * TestSettings.Scale; state++)
        {
            Change(both, dice, entries);
            for (var i = 0; i < PacketsPerState; i++)
            {
                both.Send(new Packet((uint)dice.Below(16), Frame(dice)));
            }

            both.CompareRegisters("by_entry", "by_entry_bytes");
            both.CompareLookups();
            await both.FlushAsync();
        }
        return both.Tally;
    }

    [Fact]
    public async Task Direct_counters_belong_to_their_entries()
    {
        Needs.NotMissing(OracleProgram.Missing);
        var dice = new Dice(TestSettings.Seed);
        var entries = new EntryGenerator(dice, (field, bytes) => Value(dice, field, bytes));
        await using var both = await SideBySide.StartAsync("counters", TestSettings.Spec("tables.spec"));
        var table = both.Program.FindTable("exact")!;
        var count = both.Program.FindAction("count_exact")!;
        // One change per commit: within a transaction DPDK assigns IDs in its own order.
        for (var state = 0; state < 60; state++)
        {
            if (both.Entries(table).Count < 8 || dice.Percent(60))
            {
                both.Put(entries.Entry(table) with { Action = count, Data = [] });
            }
            else
            {
                both.Remove(dice.Pick([.. both.Entries(table)]));
            }

            both.Commit();
            for (var i = 0; i < 10; i++)
            {
                both.Send(new Packet(0, Frame(dice)));
            }

            both.CompareKeyedRegisters("by_entry", "exact");
            both.CompareKeyedRegisters("by_entry_bytes", "exact");
            both.CompareRegisters();
            await both.FlushAsync();
        }
    }

    [Fact]
    public async Task Meters_refill()
    {
        Needs.NotMissing(OracleProgram.MissingWithClock);
        var dice = new Dice(TestSettings.Seed);
        await using var both = await SideBySide.StartAsync("meters", TestSettings.Spec("tables.spec"));
        for (uint i = 0; i < 16; i++)
        {
            both.SetMeter("rates", i, 1000 + (100 * i), 3000, 700 + (100ul * i), 1500);
        }

        both.Commit();
        for (var round = 0; round < 20; round++)
        {
            for (var i = 0; i < PacketsPerState; i++)
            {
                both.Send(new Packet(0, Frame(dice)));
            }
            // Long enough to refill every bucket: partial refills would show DPDK's rounding to its update period.
            both.Advance(TimeSpan.FromSeconds(10));
            await both.FlushAsync();
        }
    }

    private static void Change(SideBySide both, Dice dice, EntryGenerator entries)
    {
        for (var i = 0; i < 14; i++)
        {
            var table = dice.Pick([.. both.Program.Tables.Where(t => t.Key.Count > 0)]);
            // DPDK rebuilds a wildcard table for each change, in time and memory proportional to its entries.
            if (dice.Percent(70) && both.Entries(table).Count < 40)
            {
                both.Put(MostlyKept(both, dice, entries.Entry(table)));
            }
            else if (both.Entries(table).Count > 0)
            {
                both.Remove(dice.Pick([.. both.Entries(table)]));
            }
        }
        if (dice.Percent(30))
        {
            var table = dice.Pick([.. both.Program.Tables.Where(t => !t.DefaultIsConst)]);
            var action = dice.Pick([.. table.Actions.Where(a => a.ForDefault)]).Action;
            both.SetDefault(table, action, entries.Data(action));
        }
        // One group per state: groups are first created in order, then changed at random.
        Group(both, dice, "choose", groups: 6, membersMax: 16);
        Group(both, dice, "choose_metadata", groups: 6, membersMax: 64);
        both.Commit();
    }

    // Prefer actions that keep the packet: a dropped one shows little.
    private static TableEntry MostlyKept(SideBySide both, Dice dice, TableEntry entry)
        => entry.Action.Name == "refuse" && dice.Percent(75)
            ? entry with { Action = both.Program.FindAction("note_lpm")!, Data = dice.Bytes(4) } : entry;

    private static void Group(SideBySide both, Dice dice, string selector, int groups, int membersMax)
    {
        var group = both.Tally.States < groups ? (uint)both.Tally.States : (uint)dice.Below(groups);
        var members = new Dictionary<uint, SwxMember>();
        for (var i = 1 + dice.Below(7); i > 0; i--)
        {
            var id = (uint)dice.Below(membersMax);
            // The sum of the weights, reduced as DPDK reduces them (SelectorStore.Normalize), must not exceed the group's size.
            members[id] = new SwxMember(id, dice.Pick<uint>(1, 1, 1, 2));
        }
        if (dice.Percent(50) && members.Count < 4)
        {
            members = members.ToDictionary(m => m.Key, m => m.Value with { Weight = m.Value.Weight * 12 });
        }

        both.SetGroup(selector, group, [.. members.Values]);
    }

    private static byte[] Value(Dice dice, string field, int bytes)
    {
        field = field[(field.LastIndexOf('.') + 1)..];
        return (field, bytes) switch
        {
            ("ip6" or "address", 16) => Convert.FromHexString(dice.Pick(Addresses)),
            ("member", 4) => Dice.Number((ulong)dice.Below(16), 4),
            ("ip", 4) =>
                Dice.Number((ulong)(0x0A000000 | dice.Pick(0, 1, 0x100, 0x101, 0x10000, 0x800000) | (dice.Percent(10) ? 0xF0 : 0)), 4),
            ("value", 4) => dice.Bytes(4),
            ("group", 1) => [(byte)dice.Below(8)],
            ("color", 1) => [(byte)dice.Below(3)],
            ("length", 2) => Dice.Number((ulong)(40 + dice.Below(100)), 2),
            ("odd", 3) => Dice.Number((ulong)dice.Below(3), 3),
            ("mac", 6) => Dice.Number((ulong)dice.Below(3), 6),
            ("small" or "tag", 1) => [(byte)dice.Below(3)],
            (_, <= 8) when dice.Percent(80) => Dice.Number((ulong)dice.Below(3), bytes),
            _ => dice.Bytes(bytes),
        };
    }

    private static byte[] Frame(Dice dice)
    {
        List<byte> bytes = [];
        foreach (var (field, width) in ((string, int)[])[("kind", 1), ("tag", 1), ("short_key", 2), ("word_key", 4), ("mac", 6),
            ("wide_key", 8), ("ip6", 16), ("ip", 4), ("length", 2), ("color", 1), ("group", 1)])
        {
            bytes.AddRange(Value(dice, field, width));
        }

        bytes.AddRange(dice.Bytes(dice.Below(60)));
        return [.. bytes];
    }
}
