using System.Buffers.Binary;
using ACCOffload.SoftTarget.Engine;
using CsCheck;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>Tables of every kind against a linear search of a list.</summary>
public class TableTests
{
    private const string Program = """
        struct arg_t {
            bit<32> value
        }
        action found args instanceof arg_t {
            mov m.out t.value
            return
        }
        action missed args none {
            mov m.out 0xFFFFFFFF
            return
        }
        table exact {
            key {
                h.wide.a8 exact
                h.wide.a16 exact
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }
        table scattered {
            key {
                h.wide.b48 exact
                h.wide.a24 exact
                h.wide.a64 exact
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }
        table host {
            key {
                m.m16 exact
                m.m40 exact
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }
        table prefix {
            key {
                h.wide.a8 exact
                h.wide.a32 lpm
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }
        table hostprefix {
            key {
                m.m32 lpm
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }
        table ternary {
            key {
                h.wide.a8 wildcard
                h.wide.a16 exact
                m.m16 wildcard
            }
            actions {
                found
                missed @defaultonly
            }
            default_action missed args none
            size 0x10000
        }

        """;

    private static SpecBench Bench(string table) => new(Program + $$"""
        apply {
            rx m.port
            extract h.wide
            mov m.m16 h.wide.b16
            mov m.m40 h.wide.a40
            mov m.m32 h.wide.b32
            table {{table}}
            tx m.out
        }
        """);

    private sealed record Row(byte[] Key, byte[] Mask, uint Priority, uint Value);

    [Theory]
    [InlineData("exact")]
    [InlineData("scattered")]
    [InlineData("host")]
    [InlineData("prefix")]
    [InlineData("hostprefix")]
    [InlineData("ternary")]
    public void Lookups_agree_with_a_naive_search(string name)
    {
        var seeds = Gen.Int[0, int.MaxValue];
        seeds.Sample(seed => Compare(name, new Random(seed)), iter: 12, threads: 1);
    }

    private static void Compare(string name, Random random)
    {
        var bench = Bench(name);
        var table = bench.Program.FindTable(name)!;
        var rows = new List<Row>();
        for (var round = 0; round < 12; round++)
        {
            using (var update = bench.Pipeline.BeginUpdate())
            {
                for (var i = 0; i < 40; i++)
                {
                    Change(update, table, rows, random);
                }

                bench.Pipeline.Commit(update);
            }
            Assert.Equal(rows.Count, bench.Pipeline.Count(table.Index));
            for (var i = 0; i < 40; i++)
            {
                Lookup(bench, table, rows, random);
            }
        }
        CheckContents(bench, table, rows);
    }

    private static void Change(SwxUpdate update, SwxTable table, List<Row> rows, Random random)
    {
        var row = NewRow(table, random);
        var same = rows.FindIndex(
            r => r.Key.AsSpan().SequenceEqual(row.Key) && r.Mask.AsSpan().SequenceEqual(row.Mask) && r.Priority == row.Priority);
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(data, row.Value);
        switch (random.Next(4))
        {
            case 0 when rows.Count > 0 && random.Next(3) > 0:
                var victim = rows[random.Next(rows.Count)];
                Assert.Equal(SwxChange.Ok, update.Delete(table.Index, victim.Key, victim.Mask, victim.Priority));
                rows.Remove(victim);
                break;
            case 0:
                Assert.Equal(same < 0 ? SwxChange.Missing : SwxChange.Ok, update.Delete(table.Index, row.Key, row.Mask, row.Priority));
                if (same >= 0)
                {
                    rows.RemoveAt(same);
                }

                break;
            case 1:
                Assert.Equal(
                    same < 0 ? SwxChange.Missing : SwxChange.Ok, update.Modify(table.Index, row.Key, row.Mask, row.Priority, 0, data));
                if (same >= 0)
                {
                    rows[same] = row;
                }

                break;
            default:
                Assert.Equal(
                    same < 0 ? SwxChange.Ok : SwxChange.Exists, update.Insert(table.Index, row.Key, row.Mask, row.Priority, 0, data));
                if (same < 0)
                {
                    rows.Add(row);
                }

                break;
        }
    }

    /// <summary>Few values and few masks, so that rows collide and overlap.</summary>
    private static Row NewRow(SwxTable table, Random random)
    {
        var key = Value(table.KeyBytes, random);
        if (table.Kind == SwxMatchKind.Exact)
        {
            return new Row(key, [], 0, (uint)random.Next());
        }

        var mask = new byte[key.Length];
        foreach (var field in table.Key)
        {
            var part = mask.AsSpan(field.Offset, field.Bytes);
            part.Fill(0xFF);
            if (field.Kind == SwxMatchKind.Lpm)
            {
                var length = random.Next(field.Bits + 1);
                for (var i = 0; i < part.Length; i++)
                {
                    part[i] = (byte)(0xFF00 >> Math.Clamp(length - i * 8, 0, 8));
                }
            }
            else if (field.Kind == SwxMatchKind.Wildcard)
            {
                for (var i = 0; i < part.Length; i++)
                {
                    part[i] = (byte)(random.Next(3) switch { 0 => 0, 1 => 0xFF, _ => random.Next(256) & 0x13 });
                }
            }
        }
        for (var i = 0; i < key.Length; i++)
        {
            key[i] &= mask[i];
        }

        return new Row(key, mask, table.Kind == SwxMatchKind.Wildcard ? (uint)random.Next(1, 30) : 0, (uint)random.Next());
    }

    private static byte[] Value(int bytes, Random random)
    {
        var value = new byte[bytes];
        for (var i = 0; i < bytes; i++)
        {
            value[i] = (byte)(random.Next(4) == 0 ? random.Next(4) : 0);
        }

        return value;
    }

    private static void Lookup(SpecBench bench, SwxTable table, List<Row> rows, Random random)
    {
        var key = rows.Count > 0 && random.Next(2) == 0 ? (byte[])rows[random.Next(rows.Count)].Key.Clone() : Value(table.KeyBytes, random);
        var layout = bench.Program.Headers.First(h => h.Name == "wide").Type;
        var frame = new byte[layout.Bytes];
        foreach (var field in table.Key)
        {
            var source = field.Name switch { "m.m16" => "b16", "m.m40" => "a40", "m.m32" => "b32", _ => field.Name["h.wide.".Length..] };
            key.AsSpan(field.Offset, field.Bytes).CopyTo(frame.AsSpan(layout.Find(source)!.Offset));
        }
        uint? expected = null;
        (int Specific, uint Priority, int Age) best = (-1, 0, 0);
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            var matches = Enumerable.Range(0, key.Length).All(b => (key[b] & (row.Mask.Length == 0 ? 0xFF : row.Mask[b])) == row.Key[b]);
            if (!matches)
            {
                continue;
            }

            var specific = table.Kind == SwxMatchKind.Lpm ? row.Mask.Sum(b => int.PopCount(b)) : 0;
            if (specific > best.Specific || (specific == best.Specific && row.Priority > best.Priority))
            {
                best = (specific, row.Priority, i);
                expected = row.Value;
            }
        }
        Assert.Equal(expected ?? 0xFFFFFFFF, bench.Send(SpecBench.Hex(frame))!.Value.Port);
    }

    private static void CheckContents(SpecBench bench, SwxTable table, List<Row> rows)
    {
        var seen = 0;
        bench.Pipeline.ForEach(table.Index, (key, mask, priority, action, data) =>
        {
            seen++;
            var (k, m) = (key.ToArray(), mask.ToArray());
            var row = rows.Single(r => r.Key.AsSpan().SequenceEqual(k) && r.Mask.AsSpan().SequenceEqual(m) && r.Priority == priority);
            Assert.Equal(row.Value, BinaryPrimitives.ReadUInt32BigEndian(data));
            Assert.Equal(0, action);
            Assert.True(bench.Pipeline.TryGet(table.Index, key, mask, priority, out _, out var same));
            Assert.True(same.SequenceEqual(data));
            return true;
        });
        Assert.Equal(rows.Count, seen);
    }

    [Fact]
    public void Many_rows_take_little_memory_and_are_found()
    {
        const int rows = 100_000;
        var bench = new SpecBench(Program.Replace("size 0x10000", "size 0x100000", StringComparison.Ordinal) + """
            apply {
                rx m.port
                extract h.ip
                mov m.m32 h.ip.dst
                mov m.m16 h.ip.id
                mov m.m40 h.ip.dst
                table host
                tx m.out
            }
            """);
        var table = bench.Table("host");
        Span<byte> key = stackalloc byte[7];
        Span<byte> data = stackalloc byte[4];
        using (var update = bench.Pipeline.BeginUpdate())
        {
            for (uint i = 0; i < rows; i++)
            {
                BinaryPrimitives.WriteUInt32BigEndian(key[3..], i * 7);
                BinaryPrimitives.WriteUInt32BigEndian(data, i);
                Assert.Equal(SwxChange.Ok, update.Insert(table, key, default, 0, 0, data));
            }
            bench.Pipeline.Commit(update);
        }
        foreach (var i in new uint[] { 0, 1, rows / 2, rows - 1 })
        {
            Assert.Equal(i, bench.Send($"450000000000400040060000 00000000{i * 7:X8}")!.Value.Port);
        }

        Assert.Equal(0xFFFFFFFFu, bench.Send("450000000000400040060000 0000000000000001")!.Value.Port);
        Assert.InRange(bench.Pipeline.TableBytes(table) / rows, 10, 80);
    }

    [Fact]
    public void Entries_that_do_not_fit_a_table_are_rejected()
    {
        var bench = Bench("ternary");
        using var update = bench.Pipeline.BeginUpdate();
        var (exact, prefix, ternary) = (bench.Table("exact"), bench.Table("prefix"), bench.Table("ternary"));
        var data = new byte[4];
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2], default, 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2, 3], [255, 255, 255], 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2, 3], default, 5, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2, 3], default, 0, 1, default));
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2, 3], default, 0, 0, [1, 2, 3]));
        Assert.Throws<ArgumentException>(() => update.Insert(exact, [1, 2, 3], default, 0, 99, data));
        Assert.Throws<ArgumentException>(() => update.Insert(prefix, [1, 10, 0, 0, 0], [255, 255, 0, 255, 0], 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(prefix, [1, 10, 0, 0, 0], [255, 0xFA, 0, 0, 0], 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(prefix, [1, 10, 0, 0, 0], [0, 255, 0, 0, 0], 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(prefix, [1, 10, 1, 0, 0], [255, 255, 0, 0, 0], 0, 0, data));
        Assert.Throws<ArgumentException>(() => update.Insert(ternary, [1, 0, 0, 0, 0], [0, 255, 255, 0, 0], 1, 0, data));
        Assert.Throws<ArgumentOutOfRangeException>(() => update.Insert(99, [1], default, 0, 0, data));
        Assert.Throws<ArgumentOutOfRangeException>(() => update.Delete(-1, [1], default, 0));
        Assert.Equal(0, update.Changes);
    }

    [Fact]
    public void A_table_is_limited_to_its_size()
    {
        var bench = new SpecBench(Program.Replace("size 0x10000", "size 2", StringComparison.Ordinal) + "apply {\n rx m.port\n tx 1\n}\n");
        Assert.Equal(SwxChange.Ok, bench.Insert("exact", "000001", "found", "00000001"));
        Assert.Equal(SwxChange.Ok, bench.Insert("exact", "000002", "found", "00000002"));
        Assert.Equal(SwxChange.Full, bench.Insert("exact", "000003", "found", "00000003"));
        Assert.Equal(SwxChange.Exists, bench.Insert("exact", "000002", "found", "00000003"));
    }

    [Fact]
    public void Entry_ids_start_at_one_and_the_last_freed_id_is_reused_first()
    {
        var bench = new SpecBench(Program + """
            apply {
                rx m.port
                extract h.wide
                table exact
                entryid m.out
                tx m.out
            }
            """);
        for (var i = 1; i <= 3; i++)
        {
            bench.Insert("exact", $"00000{i}", "found", "00000000");
        }

        string Frame(int i) => $"00000{i}" + new string('0', 200);
        Assert.Equal([1u, 2u, 3u, 0u], Enumerable.Range(1, 4).Select(i => bench.Send(Frame(i))!.Value.Port));
        using (var update = bench.Pipeline.BeginUpdate())
        {
            Assert.Equal(SwxChange.Ok, update.Delete(bench.Table("exact"), SpecBench.Hex("000002"), default, 0));
            Assert.Equal(SwxChange.Ok, update.Insert(bench.Table("exact"), SpecBench.Hex("000004"), default, 0, 0, new byte[4]));
            bench.Pipeline.Commit(update);
        }
        Assert.Equal([1u, 0u, 3u, 2u], Enumerable.Range(1, 4).Select(i => bench.Send(Frame(i))!.Value.Port));
        Assert.True(bench.Pipeline.TryGetEntryId(bench.Table("exact"), SpecBench.Hex("000004"), default, 0, out var id));
        Assert.Equal(2, id);
    }

    [Fact]
    public void Jumps_can_depend_on_a_hit_a_miss_or_the_action_that_ran()
    {
        var bench = new SpecBench(Program + """
            apply {
                rx m.port
                extract h.wide
                table exact
                jmph HIT
                jmpnh MISS
                drop
                HIT : jmpa A found
                drop
                A : jmpna NO found
                tx 1
                NO : tx 2
                MISS : jmpa NO missed
                tx 3
            }
            """);
        bench.Insert("exact", "000001", "found", "00000009");
        Assert.Equal(1u, bench.Send("000001" + new string('0', 200))!.Value.Port);
        Assert.Equal(2u, bench.Send("000002" + new string('0', 200))!.Value.Port);
        Assert.Equal(new SwxLookups(1, 1), bench.Pipeline.TableLookups(bench.Table("exact")));
    }
}
