using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>Updates are atomic for packets, can be undone, and don't wait for idle workers.</summary>
public class UpdateTests
{
    private const string Program = """
        struct arg_t {
            bit<32> value
        }
        action first args instanceof arg_t {
            mov m.m32 t.value
            return
        }
        action second args instanceof arg_t {
            mov m.n32 t.value
            return
        }
        table one {
            key {
                h.ip.dst exact
            }
            actions {
                first
            }
            default_action first args value 0
            size 0x1000
        }
        table two {
            key {
                h.ip.dst lpm
            }
            actions {
                second
            }
            default_action second args value 0
            size 0x1000
        }
        table fixed {
            actions {
                first
            }
            default_action first args value 7 const
            size 0x10
        }
        selector sel {
            group_id m.group
            selector {
                h.ip.src
            }
            member_id m.member
            n_groups_max 16
            n_members_per_group_max 8
        }
        apply {
            rx m.port
            extract h.ip
            table one
            table two
            mov m.group 3
            table sel
            jmpneq MIX m.m32 m.n32
            jmpneq MIX m.member m.m32
            emit h.ip
            tx 1
            MIX : tx 666
        }
        """;

    private const string Frame = "450000280000400040060000C0A80001C0A80002";

    private static readonly byte[] Destination = [0xC0, 0xA8, 0, 2];
    private static readonly byte[] Full = [255, 255, 255, 255];

    private static void Put(SpecBench bench, SwxUpdate update, int value)
    {
        byte[] data = [0, 0, (byte)(value >> 8), (byte)value];
        if (value % 2 == 0)
        {
            // Through the default actions …
            update.Delete(bench.Table("one"), Destination, default, 0);
            update.Delete(bench.Table("two"), Destination, Full, 0);
            update.SetDefaultAction(bench.Table("one"), bench.Action("first"), data);
            update.SetDefaultAction(bench.Table("two"), bench.Action("second"), data);
        }
        else
        {
            // … and through entries, alternately.
            update.Insert(bench.Table("one"), Destination, default, 0, bench.Action("first"), data);
            update.Insert(bench.Table("two"), Destination, Full, 0, bench.Action("second"), data);
        }
        update.SetGroup(0, 3, [new SwxMember((uint)value, 1)]);
    }

    [Fact]
    public async Task No_packet_sees_a_partial_update()
    {
        const int commits = 3_000;
        var bench = new SpecBench(Program);
        using (var update = bench.Pipeline.BeginUpdate())
        {
            Put(bench, update, 0);
            bench.Pipeline.Commit(update);
        }
        using var stop = new CancellationTokenSource();
        // Dedicated threads: with few cores, the pool may start the second only after the first has finished.
        using var running = new CountdownEvent(2);
        var workers = Enumerable.Range(0, 2)
            .Select(i => Task.Factory.StartNew(() => RunWorker(bench, burst: i * 16, running, stop.Token), TaskCreationOptions.LongRunning))
            .ToArray();
        // Commit only while packets flow through both.
        Assert.True(running.Wait(TimeSpan.FromSeconds(30)), "the workers did not start");
        for (var i = 1; i <= commits; i++)
        {
            using var update = bench.Pipeline.BeginUpdate();
            Put(bench, update, i);
            bench.Pipeline.Commit(update);
        }
        await stop.CancelAsync();
        var counts = await Task.WhenAll(workers);
        Assert.All(counts, c => Assert.Equal((0, true), (c.Mixed, c.Packets > 0)));
        Assert.Equal(commits + 2, bench.Pipeline.Version);
    }

    private static (long Packets, int Mixed) RunWorker(SpecBench bench, int burst, CountdownEvent running, CancellationToken stop)
    {
        using var worker = bench.Pipeline.CreateWorker();
        var frame = SpecBench.Hex(Frame);
        var buffer = new byte[64 + frame.Length];
        var (packets, mixed) = (0L, 0);
        while (!stop.IsCancellationRequested)
        {
            if (burst > 0)
            {
                worker.Enter();
            }

            for (var i = 0; i < Math.Max(burst, 1); i++, packets++)
            {
                frame.CopyTo(buffer, 64);
                var (offset, length) = (64, frame.Length);
                Assert.Equal(SwxVerdict.Transmit, worker.Process(buffer, ref offset, ref length, 1, out var port));
                mixed += port == 1 ? 0 : 1;
            }
            if (burst > 0)
            {
                worker.Exit();
            }

            if (packets == Math.Max(burst, 1))
            {
                running.Signal();
            }
        }
        return (packets, mixed);
    }

    [Fact]
    public void A_burst_sees_one_version_and_a_stuck_burst_delays_only_the_second_copy()
    {
        var bench = new SpecBench(Program, new SwxPipelineOptions { GracePeriod = TimeSpan.FromMilliseconds(50) });
        bench.Worker.Enter();
        using (var update = bench.Pipeline.BeginUpdate())
        {
            Put(bench, update, 1);
            bench.Pipeline.Commit(update);
        }
        // This burst began before the commit and still sees the old tables; another worker sees the new ones.
        Assert.Equal("", Group(bench.Worker));
        using var other = bench.Pipeline.CreateWorker();
        Assert.Equal("00000001", Group(other));
        Assert.Equal(1, bench.Pipeline.Count(bench.Table("one")));
        Assert.Throws<TimeoutException>(() => bench.Pipeline.BeginUpdate());
        bench.Worker.Exit();
        using (var update = bench.Pipeline.BeginUpdate())
        {
            Put(bench, update, 2);
            bench.Pipeline.Commit(update);
        }
        Assert.Equal("00000002", Group(bench.Worker));
        Assert.Equal(0, bench.Pipeline.Count(bench.Table("one")));
    }

    private static string Group(SwxWorker worker)
    {
        var frame = SpecBench.Hex(Frame);
        var sink = new LastMember();
        var (offset, length) = (0, frame.Length);
        worker.Trace(frame, ref offset, ref length, 1, out _, sink);
        return sink.Member;
    }

    private sealed class LastMember : ISwxTraceSink
    {
        public string Member { get; private set; } = "";

        public void OnStep(SwxTraceStep step)
        {
            if (step is SwxTableStep { Table: "sel", Hit: true } table)
            {
                Member = SpecBench.Hex(table.Arguments[0].Value);
            }
        }
    }

    [Fact]
    public void An_update_can_be_undone_completely_or_partially()
    {
        var bench = new SpecBench(Program);
        var (one, two) = (bench.Table("one"), bench.Table("two"));
        bench.Insert("one", "0A000001", "first", "00000001");
        bench.Insert("two", "0A000000", "second", "00000002", mask: "FF000000");
        using (var update = bench.Pipeline.BeginUpdate())
        {
            Assert.Equal(SwxChange.Ok, update.Modify(one, [10, 0, 0, 1], default, 0, bench.Action("first"), [0, 0, 0, 9]));
            var mark = update.Changes;
            Assert.Equal(SwxChange.Ok, update.Delete(one, [10, 0, 0, 1], default, 0));
            Assert.Equal(SwxChange.Ok, update.Insert(one, [10, 0, 0, 2], default, 0, bench.Action("first"), [0, 0, 0, 3]));
            update.Clear(two);
            update.SetDefaultAction(one, bench.Action("first"), [0, 0, 0, 5]);
            update.SetGroup(0, 1, [new SwxMember(4, 1)]);
            Assert.Equal(0, bench.Pipeline.Count(two));
            update.RollbackTo(mark);
            Assert.Equal(1, bench.Pipeline.Count(one));
            Assert.Equal(1, bench.Pipeline.Count(two));
            Assert.Equal("00000009", Data(bench, one, "0A000001", ""));
            Assert.Empty(bench.Pipeline.GetGroup(0, 1));
            bench.Pipeline.GetDefaultAction(one, out _, out var data);
            Assert.Equal("00000000", SpecBench.Hex(data));
            update.RollbackTo(0);
            Assert.Equal("00000001", Data(bench, one, "0A000001", ""));
        }
        using (var update = bench.Pipeline.BeginUpdate())
        {
            update.Clear(one);
        }

        Assert.Equal(1, bench.Pipeline.Count(one));
        Assert.Equal("00000002", Data(bench, two, "0A000000", "FF000000"));
    }

    private static string Data(SpecBench bench, int table, string key, string mask)
    {
        Assert.True(bench.Pipeline.TryGet(table, SpecBench.Hex(key), SpecBench.Hex(mask), 0, out _, out var data));
        return SpecBench.Hex(data);
    }

    [Fact]
    public void Only_one_update_can_be_open_and_a_closed_one_cannot_be_used()
    {
        var bench = new SpecBench(Program);
        var update = bench.Pipeline.BeginUpdate();
        Assert.Throws<InvalidOperationException>(() => bench.Pipeline.BeginUpdate());
        update.Dispose();
        Assert.Throws<ObjectDisposedException>(() => update.Clear(0));
        Assert.Throws<InvalidOperationException>(() => bench.Pipeline.Commit(update));
        using var next = bench.Pipeline.BeginUpdate();
        bench.Pipeline.Commit(next);
        Assert.Equal(1, bench.Pipeline.Version);
    }

    [Fact]
    public void Default_actions_change_unless_they_are_constant()
    {
        var bench = new SpecBench(Program);
        using var update = bench.Pipeline.BeginUpdate();
        Assert.Throws<ArgumentException>(() => update.SetDefaultAction(bench.Table("fixed"), bench.Action("first"), new byte[4]));
        Assert.Throws<ArgumentException>(() => update.SetDefaultAction(bench.Table("one"), bench.Action("second"), new byte[4]));
        Assert.Throws<ArgumentException>(() => update.SetDefaultAction(bench.Table("one"), bench.Action("first"), new byte[3]));
        update.SetDefaultAction(bench.Table("one"), bench.Action("first"), [1, 2, 3, 4]);
        bench.Pipeline.GetDefaultAction(bench.Table("one"), out var action, out var data);
        Assert.Equal((bench.Action("first"), "01020304"), (action, SpecBench.Hex(data)));
        update.ResetDefaultAction(bench.Table("one"));
        bench.Pipeline.GetDefaultAction(bench.Table("one"), out _, out data);
        Assert.Equal("00000000", SpecBench.Hex(data));
    }
}
