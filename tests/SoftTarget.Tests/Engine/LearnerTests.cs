using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.SoftTarget.Tests.Engine;

public class LearnerTests
{
    private static string Program(int size = 64) => $$"""
        struct args_t {
            bit<32> value
            bit<48> mac
        }
        action pinned args instanceof args_t {
            mov m.out t.value
            mov m.m48 t.mac
            jmpeq FORGET m.flag 1
            jmpeq REARM m.flag 2
            jmpeq NEW m.flag 3
            jmpeq AGAIN m.flag 4
            return
            FORGET : forget
            return
            REARM : rearm
            return
            NEW : rearm m.timeout
            return
            AGAIN : learn pinned m.arg32 m.timeout
            return
        }
        action plain args none {
            mov m.out 0x50
            return
        }
        action missed args none {
            jmpeq SKIP m.flag 9
            jmpeq PLAIN m.flag 8
            learn pinned m.arg32 m.timeout
            SKIP : mov m.out 0
            return
            PLAIN : learn plain m.timeout
            mov m.out 0
            return
        }
        learner flows {
            key {
                h.ip.src
                h.ip.dst
            }
            actions {
                pinned @tableonly
                plain
                missed
            }
            default_action missed args none
            size {{size}}
            timeout {
                10
                20
                300
            }
        }
        apply {
            rx m.port
            extract h.ip
            mov m.arg32 h.ip.id
            mov m.arg48 0x0A0B0C0D0E0F
            mov m.flag h.ip.tos
            mov m.timeout h.ip.ttl
            table flows
            entryid m.n32
            mov h.ip.frag m.n32
            mov h.ip.checksum m.m48
            emit h.ip
            tx m.out
        }
        """;

    private readonly FakeTimeProvider _time = new();

    private SpecBench Bench(int size = 64) => new(Program(size), new SwxPipelineOptions { TimeProvider = _time });

    private static uint Send(SpecBench bench, int flow, int value = 0x1234, int flag = 0, int timeout = 0)
        => bench.Send($"45{flag:X2}0028{value:X4}4000{timeout:X2}060000{flow:X8}0A000001")!.Value.Port;

    [Fact]
    public void A_flow_is_learned_with_its_arguments_and_found()
    {
        var bench = Bench();
        Assert.Equal(0u, Send(bench, 1, 0x1234));
        Assert.Equal(0x1234u, Send(bench, 1, 0x9999, flag: 9));
        Assert.Equal(0u, Send(bench, 2, flag: 9));
        Assert.Equal(new SwxLookups(1, 2), bench.Pipeline.LearnerLookups(0));
        var sent = bench.Send("45090028000040000006000000000001" + "0A000001")!.Value.Frame;
        Assert.Equal("0E0F", sent.Substring(20, 4));
        Assert.Equal("0001", sent.Substring(12, 4));
        // Without arguments.
        Assert.Equal(0u, Send(bench, 3, flag: 8));
        Assert.Equal(0x50u, Send(bench, 3, flag: 9));
    }

    [Fact]
    public void An_entry_times_out_unless_it_is_rearmed()
    {
        var bench = Bench();
        Send(bench, 1, timeout: 0);
        Send(bench, 2, timeout: 2);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.NotEqual(0u, Send(bench, 1, flag: 9));
        Assert.NotEqual(0u, Send(bench, 1, flag: 2));
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.NotEqual(0u, Send(bench, 1, flag: 3, timeout: 1));
        _time.Advance(TimeSpan.FromSeconds(19.9));
        Assert.NotEqual(0u, Send(bench, 1, flag: 9));
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(0u, Send(bench, 1, flag: 9));
        Assert.NotEqual(0u, Send(bench, 2, flag: 9));
        // Three timeouts become four, the fourth equal to the first; ids are masked accordingly.
        Send(bench, 5, timeout: 3);
        Send(bench, 6, timeout: 6);
        _time.Advance(TimeSpan.FromSeconds(10.1));
        Assert.Equal(0u, Send(bench, 5, flag: 9));
        Assert.NotEqual(0u, Send(bench, 6, flag: 9));
    }

    [Fact]
    public void A_hit_can_forget_and_learn_again()
    {
        var bench = Bench();
        Send(bench, 1, 0x11);
        Assert.Equal(0x11u, Send(bench, 1, 0x22, flag: 4, timeout: 2));
        Assert.Equal(0x22u, Send(bench, 1, flag: 9));
        _time.Advance(TimeSpan.FromSeconds(299));
        Assert.Equal(0x22u, Send(bench, 1, flag: 1));
        Assert.Equal(0u, Send(bench, 1, flag: 9));
    }

    [Fact]
    public void A_full_learner_fails_to_learn_and_frees_expired_entries_without_a_scan()
    {
        const int size = 64;
        var bench = Bench(size);
        for (var i = 0; i < size; i++)
        {
            Send(bench, i, timeout: i < size / 2 ? 0 : 2);
        }

        Assert.Equal(0, bench.Pipeline.Statistics.NotLearned);
        Assert.Equal(0u, Send(bench, 1000));
        Assert.Equal(1, bench.Pipeline.Statistics.NotLearned);
        Assert.Equal(0u, Send(bench, 1000, flag: 9));
        _time.Advance(TimeSpan.FromSeconds(11));
        // Without lookups of the old flows, new flows still find room, some only after another packet's attempt.
        var tries = 0;
        for (var i = 0; i < size / 2; tries++)
        {
            Send(bench, 2000 + i, timeout: 2);
            if (Send(bench, 2000 + i, flag: 9) != 0)
            {
                i++;
            }

            Assert.True(tries < size * 2, "no room was freed");
        }
        for (var i = size / 2; i < size; i++)
        {
            Assert.NotEqual(0u, Send(bench, i, flag: 9));
        }

        Send(bench, 3000);
        Assert.Equal(0u, Send(bench, 3000, flag: 9));
    }

    [Fact]
    public void A_flow_without_room_counts_as_not_learned_by_the_full_table_alone()
    {
        const int size = 64;
        // A second learner with room for all, which also sees each packet.
        var first = Program(size);
        var begin = first.IndexOf("learner flows", StringComparison.Ordinal);
        var second = first[begin..first.IndexOf("apply {", StringComparison.Ordinal)].Replace("flows", "roomy", StringComparison.Ordinal);
        var text = first.Insert(begin, second.Replace($"size {size}", $"size {size * 16}", StringComparison.Ordinal))
            .Replace("table flows", "table roomy\n    table flows", StringComparison.Ordinal);
        var bench = new SpecBench(text, new SwxPipelineOptions { TimeProvider = _time });

        for (var i = 0; i < size; i++)
        {
            Send(bench, i);
        }

        Assert.Equal([("flows", 0), ("roomy", 0)], NotLearned(bench));
        Send(bench, 1000);
        Send(bench, 1001);
        // Again, because it was not learned; and a known flow.
        Send(bench, 1000);
        Send(bench, 1);
        Assert.Equal([("flows", 3), ("roomy", 0)], NotLearned(bench));
        Assert.Equal(3, bench.Pipeline.Statistics.NotLearned);
    }

    private static IEnumerable<(string Table, long Count)> NotLearned(SpecBench bench) =>
        bench.Pipeline.NotLearned.Select(c => (c.Key, c.Value)).OrderBy(c => c.Key, StringComparer.Ordinal);

    [Fact]
    public void Entries_are_listed_forgotten_and_cleared()
    {
        var bench = Bench();
        Send(bench, 1, 0x11);
        Send(bench, 2, 0x22, timeout: 2);
        Send(bench, 3, 0x33);
        _time.Advance(TimeSpan.FromSeconds(4));
        var seen = new SortedDictionary<string, string>(StringComparer.Ordinal);
        bench.Pipeline.ForEachLearned(0, (key, action, data, timeout, remaining) =>
        {
            Assert.Equal(bench.Action("pinned"), action);
            seen.Add(SpecBench.Hex(key), $"{SpecBench.Hex(data)} {timeout} {remaining.TotalSeconds:F0}");
            return true;
        });
        Assert.Equal(["00000011" + "0A0B0C0D0E0F 0 6", "00000022" + "0A0B0C0D0E0F 2 296", "00000033" + "0A0B0C0D0E0F 0 6"], seen.Values);
        Assert.Equal("000000010A000001", seen.Keys.First());
        Assert.True(bench.Pipeline.ForgetLearned(0, SpecBench.Hex("000000010A000001")));
        Assert.False(bench.Pipeline.ForgetLearned(0, SpecBench.Hex("000000010A000001")));
        Assert.Throws<ArgumentException>(() => bench.Pipeline.ForgetLearned(0, [1]));
        Assert.Equal(0u, Send(bench, 1, flag: 9));
        bench.Pipeline.ClearLearned(0);
        Assert.Equal(0u, Send(bench, 2, flag: 9));
        bench.Pipeline.ForEachLearned(0, (_, _, _, _, _) => throw new InvalidOperationException("nothing is left"));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(7u)]
    [InlineData(1000u)]
    public void Parts_together_list_each_entry_once(uint buckets)
    {
        var bench = Bench(size: 1024);
        for (var flow = 0; flow < 700; flow++)
        {
            Send(bench, flow, timeout: flow % 2 == 0 ? 0 : 2);
        }

        // The even ones expire.
        _time.Advance(TimeSpan.FromSeconds(11));
        var seen = List(bench, buckets);
        Assert.Equal(Enumerable.Range(0, 350).Select(i => (2 * i) + 1), seen.Order());
        // A reader that has enough. Which buckets are empty depends on the hash, so it asks for all.
        var calls = 0;
        Assert.Equal(0u, bench.Pipeline.VisitLearned(0, 0, 1000, (_, _, _, _, _) => ++calls == 0));
        Assert.Equal(1, calls);
        bench.Pipeline.ClearLearned(0);
        Assert.Empty(List(bench, buckets));
    }

    private static List<int> List(SpecBench bench, uint buckets)
    {
        var seen = new List<int>();
        var position = 0u;
        do
        {
            var before = seen.Count;
            position = bench.Pipeline.VisitLearned(0, position, buckets, (key, _, _, _, _) =>
            {
                seen.Add(BinaryPrimitives.ReadInt32BigEndian(key));
                return true;
            });
            Assert.True(seen.Count - before <= 8 * buckets, "a part is larger than its buckets");
        }
        while (position != 0);
        return seen;
    }

    [Fact]
    public void Timeouts_can_be_changed_at_run_time()
    {
        var bench = Bench();
        bench.Pipeline.SetLearnerTimeout(0, 0, TimeSpan.FromSeconds(1));
        Send(bench, 1);
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(0u, Send(bench, 1, flag: 9));
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.SetLearnerTimeout(0, 4, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void A_trace_learns_nothing()
    {
        var bench = Bench();
        var steps = bench.Trace("45000028123440000006000000000001" + "0A000001");
        Assert.Contains(steps, s => s is SwxNoteStep { Kind: "learn", Subject: "flows" });
        Assert.Contains(steps, s => s is SwxTableStep { Table: "flows", Hit: false, Action: "missed" });
        Assert.Equal(0u, Send(bench, 1, flag: 9));
        Assert.Equal(1, bench.Pipeline.Statistics.Received);
    }

    [Fact]
    public async Task Workers_share_a_learner()
    {
        var bench = new SpecBench(Program(1 << 12));
        var tasks = Enumerable.Range(0, 3).Select(seed => Task.Run(() =>
        {
            using var worker = bench.Pipeline.CreateWorker();
            var random = new Random(seed);
            var buffer = new byte[64];
            for (var i = 0; i < 30_000; i++)
            {
                // Key and value match, so a torn entry would be detected.
                var flow = random.Next(5000);
                var flag = random.Next(10) == 0 ? 1 : 0;
                SpecBench.Hex($"45{flag:X2}0028{flow:X4}400000060000{flow:X8}0A000001").CopyTo(buffer, 0);
                var (offset, length) = (0, 20);
                worker.Process(buffer, ref offset, ref length, 1, out var port);
                Assert.True(port == 0 || port == flow, $"flow {flow} came out as {port}");
            }
        })).ToArray();
        // Lists meanwhile: no key twice, no entry with another's data.
        var lists = 0;
        do
        {
            var keys = new HashSet<int>();
            var position = 0u;
            do
            {
                position = bench.Pipeline.VisitLearned(0, position, 64, (key, _, data, _, remaining) =>
                {
                    Assert.Equal(key[..4], data[..4]);
                    Assert.True(remaining > TimeSpan.Zero);
                    return keys.Add(BinaryPrimitives.ReadInt32BigEndian(key)) ? true : throw new InvalidOperationException("listed twice");
                });
            }
            while (position != 0);
            lists++;
        }
        while (!Task.WhenAll(tasks).IsCompleted || lists < 2);
        await Task.WhenAll(tasks);
        var live = 0;
        bench.Pipeline.ForEachLearned(0, (key, _, data, _, _) =>
        {
            live++;
            return key[..4].SequenceEqual(data[..4]) ? true : throw new InvalidOperationException("an entry has another's data");
        });
        Assert.InRange(live, 1, 1 << 12);
    }
}
