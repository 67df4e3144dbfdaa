using ACCOffload.SoftTarget.Engine;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>Registers, meters, mirroring, recirculation, bounds.</summary>
public class StateTests
{
    [Fact]
    public void Registers_are_added_to_written_and_read()
    {
        var bench = SpecBench.Apply(
            """
            extract h.ip
            regprefetch r h.ip.tos
            regadd r h.ip.tos h.ip.length
            regadd r 3 1
            regwr w h.ip.tos 0x1122334455667788
            mov m.m8 2
            regwr w m.m8 h.ip.id
            regrd h.ip.src r h.ip.tos
            regrd m.m32 w m.m8
            mov h.ip.dst m.m32
            emit h.ip
            tx 1
            """, "regarray r size 5 initval 100\nregarray w size 4 initval 0");
        var frame = bench.Send("4501003CABCD4000400600000000000000000000")!.Value.Frame;
        Assert.Equal("000000A00000ABCD", frame[24..]);
        Assert.Equal([100ul, 160ul, 100ul, 101ul], Enumerable.Range(0, 4).Select(i => bench.Pipeline.ReadRegister(0, i)));
        Assert.Equal(0x1122334455667788ul, bench.Pipeline.ReadRegister(1, 1));
        // Five cells become eight; a larger index wraps around.
        bench.Send("4509003CABCD4000400600000000000000000000");
        Assert.Equal(220ul, bench.Pipeline.ReadRegister(0, 1));
        bench.Pipeline.WriteRegister(0, 7, 5);
        Assert.Equal(5ul, bench.Pipeline.ReadRegister(0, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.ReadRegister(0, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.ReadRegister(2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.ReadRegister(0, -1));
    }

    [Fact]
    public async Task Counters_lose_nothing_under_several_workers()
    {
        const int packets = 20_000;
        var bench = SpecBench.Apply("regadd r 0 1\ntx 1", "regarray r size 1 initval 0");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            using var worker = bench.Pipeline.CreateWorker();
            var buffer = new byte[64];
            for (var i = 0; i < packets; i++)
            {
                var (offset, length) = (0, 64);
                worker.Process(buffer, ref offset, ref length, 1, out var _);
            }
        })));
        Assert.Equal(4ul * packets, bench.Pipeline.ReadRegister(0, 0));
        // The counts of disposed workers are kept.
        Assert.Equal(4L * packets, bench.Pipeline.Statistics.Transmitted);
    }

    [Fact]
    public void Meters_color_by_two_rates()
    {
        var time = new FakeTimeProvider();
        var bench = SpecBench.Apply(
            """
            extract h.ip
            metprefetch k 1
            meter k 1 h.ip.length m.m8 m.n8
            tx m.n8
            """, "metarray k size 2", new SwxPipelineOptions { TimeProvider = time });
        uint Color(int length) => bench.Send($"4500{length:X4}ABCD4000400600000000000000000000")!.Value.Port;
        // Not configured: green.
        Assert.Equal(0u, Color(0xFFFF));
        bench.Pipeline.SetMeter(0, 1, committedRate: 100, peakRate: 200, committedBurst: 1000, peakBurst: 1500);
        Assert.Equal(0u, Color(1000));
        Assert.Equal(1u, Color(500));
        Assert.Equal(2u, Color(1));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0u, Color(100));
        Assert.Equal(1u, Color(100));
        Assert.Equal(2u, Color(1));
        time.Advance(TimeSpan.FromSeconds(100));
        Assert.Equal(0u, Color(1000));
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.SetMeter(0, 2, 1, 1, 1, 1));
    }

    [Fact]
    public void Meters_use_the_input_color()
    {
        var time = new FakeTimeProvider();
        var bench = SpecBench.Apply(
            "extract h.ip\nmeter k 0 0x10 2 m.n8\ntx m.n8", "metarray k size 1", new SwxPipelineOptions { TimeProvider = time });
        bench.Pipeline.SetMeter(0, 0, 100, 200, 1000, 1500);
        Assert.Equal(2u, bench.Send("45000001ABCD4000400600000000000000000000")!.Value.Port);
    }

    [Fact]
    public void A_packet_recirculates_with_its_metadata_and_its_new_headers()
    {
        var bench = SpecBench.Apply(
            """
            extract h.sum
            recircid m.m8
            add m.n8 1
            add h.sum.sum 1
            emit h.sum
            jmpeq LAST m.m8 2
            recirculate
            LAST : mov m.m16 m.n8
            mov m.out m.m16
            tx m.out
            """);
        Assert.Equal((3u, "0003EE"), bench.Send("0000EE"));
        Assert.Equal(2, bench.Pipeline.Statistics.Recirculated);
        Assert.Equal((3u, "0003EE"), bench.Send("0000EE"));
    }

    [Fact]
    public void An_endless_recirculation_and_a_loop_end()
    {
        var bench = SpecBench.Apply("recirculate\ntx 1");
        Assert.Null(bench.Send("00"));
        Assert.Equal(1, bench.Pipeline.Statistics.Endless);
        Assert.Equal(15, bench.Pipeline.Statistics.Recirculated);
        bench = SpecBench.Apply("LOOP : add m.m32 1\njmp LOOP\ntx 1");
        Assert.Null(bench.Send("00"));
        Assert.Equal(1, bench.Pipeline.Statistics.Endless);
        bench = SpecBench.Apply("LOOP : emit h.sum\nvalidate h.sum\nemit h.ip\nvalidate h.ip\njmp LOOP\ntx 1");
        Assert.Null(bench.Send("00"));
        Assert.Equal(1, bench.Pipeline.Statistics.Faulted);
    }

    [Fact]
    public void A_loop_that_ends_is_executed()
    {
        var bench = SpecBench.Apply("LOOP : add m.m32 1\njmplt LOOP m.m32 1000\njmpeq OK m.m32 1000\ndrop\nOK : tx m.m32");
        Assert.Equal(1000u, bench.Send("00")!.Value.Port);
    }

    [Fact]
    public void Mirrored_copies_equal_the_sent_packet()
    {
        var bench = SpecBench.Apply(
            """
            extract h.sum
            mov m.m8 1
            mov m.n8 5
            mirror m.m8 m.n8
            mov m.m8 0
            mov m.n8 6
            mirror m.m8 m.n8
            add h.sum.sum 1
            emit h.sum
            jmpeq DROP m.port 2
            tx 1
            DROP : drop
            """);
        var sink = new Clones();
        bench.Pipeline.SetMirrorSession(5, 50);
        bench.Pipeline.SetMirrorSession(6, 60, truncation: 2);
        bench.Send("0000EE");
        Assert.Empty(sink.Seen);
        bench.Worker.CloneSink = sink;
        Assert.Equal((1u, "0001EE"), bench.Send("0000EE"));
        Assert.Equal([(60u, "0001"), (50u, "0001EE")], sink.Seen);
        sink.Seen.Clear();
        bench.Pipeline.RemoveMirrorSession(6);
        Assert.Null(bench.Send("0000EE", 2));
        Assert.Equal([(50u, "0001EE")], sink.Seen);
        Assert.Equal(3, bench.Pipeline.Statistics.Cloned);
        Assert.Throws<ArgumentOutOfRangeException>(() => bench.Pipeline.SetMirrorSession(64, 1));
    }

    private sealed class Clones : ISwxCloneSink
    {
        public List<(uint Port, string Frame)> Seen { get; } = [];

        public void Clone(ReadOnlySpan<byte> frame, uint port) => Seen.Add((port, SpecBench.Hex(frame)));
    }

    [Fact]
    public void A_frame_outside_its_buffer_is_rejected()
    {
        var worker = SpecBench.Apply("tx 1").Worker;
        var buffer = new byte[10];
        Assert.Throws<ArgumentOutOfRangeException>(() => Process(worker, buffer, 0, 11));
        Assert.Throws<ArgumentOutOfRangeException>(() => Process(worker, buffer, 11, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Process(worker, buffer, -1, 5));
        Assert.Equal(SwxVerdict.Transmit, Process(worker, buffer, 10, 0));
        worker.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Process(worker, buffer, 0, 5));
    }

    private static SwxVerdict Process(SwxWorker worker, byte[] buffer, int offset, int length) =>
        worker.Process(buffer, ref offset, ref length, 1, out _);

    [Fact]
    public void A_trace_reports_all_steps_and_changes_nothing()
    {
        var bench = new SpecBench("""
            struct arg_t {
                bit<32> to
            }
            action go args instanceof arg_t {
                mov m.out t.to
                regadd seen 2 1
                return
            }
            action no args none {
                drop
            }
            table t {
                key {
                    h.ip.dst exact
                }
                actions {
                    go
                    no
                }
                default_action no args none
                size 4
            }
            regarray seen size 4 initval 0
            apply {
                rx m.port
                extract h.ip
                table t
                emit h.ip
                tx m.out
            }
            """);
        bench.Insert("t", "0A000001", "go", "00000009");
        var steps = bench.Trace("45000028000040004006000000000000" + "0A000001");
        Assert.Equal(["extract", "count", "emit", "transmit"], steps.OfType<SwxNoteStep>().Select(s => s.Kind));
        var table = steps.OfType<SwxTableStep>().Single();
        Assert.Equal(("t", true, "go"), (table.Table, table.Hit, table.Action));
        Assert.Equal(("h.ip.dst", "0A000001"), (table.Key[0].Name, SpecBench.Hex(table.Key[0].Value)));
        Assert.Equal(("to", "00000009"), (table.Arguments[0].Name, SpecBench.Hex(table.Arguments[0].Value)));
        Assert.Equal(("seen", 2ul), (steps.OfType<SwxNoteStep>().ElementAt(1).Subject, steps.OfType<SwxNoteStep>().ElementAt(1).Value));
        Assert.Equal(0ul, bench.Pipeline.ReadRegister(0, 2));
        Assert.Equal("drop", bench.Trace("45000028000040004006000000000000" + "0A000002").OfType<SwxNoteStep>().Last().Kind);
        Assert.Equal("truncated", bench.Trace("4500").OfType<SwxNoteStep>().Last().Kind);
        Assert.Equal(default, bench.Pipeline.Statistics);
        Assert.Equal(new SwxLookups(0, 0), bench.Pipeline.TableLookups(0));
    }

    /// <summary>Each worker reads the clock once per burst, so their times may alternate.</summary>
    [Fact]
    public void A_meter_shared_by_workers_credits_no_interval_twice()
    {
        // One byte a second, one tick a second, room for 100 bytes: full at the start.
        using var meters = new MeterStore(new SwxMeterArray("k", 0, 1), frequency: 1);
        meters.Configure(0, committedRate: 1, peakRate: 1, committedBurst: 100, peakBurst: 100, now: 0);
        Assert.Equal(MeterStore.Green, meters.Check(0, 100, MeterStore.Green, 0, dry: false));

        // Ten seconds are worth ten bytes, though a second worker's time lags behind.
        var admitted = 0;
        for (var i = 0; i < 20; i++)
        {
            admitted += meters.Check(0, 1, MeterStore.Green, now: i % 2 == 0 ? 10 : 5, dry: false) == MeterStore.Green ? 1 : 0;
        }

        Assert.Equal(10, admitted);
    }
}
