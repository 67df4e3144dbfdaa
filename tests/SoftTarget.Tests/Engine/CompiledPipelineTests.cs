using System.Globalization;
using System.Runtime.CompilerServices;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>Compiled pipelines load, run, survive mutations and allocate nothing.</summary>
public class CompiledPipelineTests
{
    private static string Spec([CallerFilePath] string file = "")
        => File.ReadAllText(Find("p4src/build/k8s_dp.spec", file));

    private static string Find(string path, string file)
    {
        // Compiler paths are mapped for reproducible builds: also search upwards from the test's own folder.
        foreach (var start in new[] { AppContext.BaseDirectory, Path.GetDirectoryName(file) ?? "/" })
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                var candidate = Path.Combine(folder.FullName, path);
                if (File.Exists(candidate))
                {
                    return candidate;
                }
            }
        }
        throw new FileNotFoundException($"{path} is not in a folder above the tests", path);
    }

    /// <summary>Specs/features.spec is features.p4 compiled with p4c-dpdk 1.2.5.</summary>
    private static string Features([CallerFilePath] string file = "")
        => File.ReadAllText(Find("tests/SoftTarget.Tests/Engine/Specs/features.spec", file));

    private static SwxPipeline TwoPods(out SwxProgram program)
    {
        program = SwxProgram.Parse(Spec());
        var pipeline = new SwxPipeline(program);
        using var update = pipeline.BeginUpdate();
        for (byte pod = 1; pod <= 2; pod++)
        {
            byte[] port = [0, 0, 0, pod];
            byte[] mac = [2, 0, 0, 0, 0, pod];
            byte[] address = [10, 244, 1, pod];
            Insert(program, update, "port_class", port, "pod_port", [.. port, .. Gateway]);
            Insert(program, update, "mac_guard", [.. port, .. mac], "allow_mac", []);
            Insert(program, update, "source_guard", [.. port, .. mac, .. address], "allow_source", []);
            Insert(program, update, "local_sources", address, "local_source", []);
            Insert(program, update, "pods", address, "to_pod", [.. port, .. Gateway, .. mac]);
        }
        pipeline.Commit(update);
        return pipeline;
    }

    private static readonly byte[] Gateway = [2, 0xAC, 0xC0, 0, 0, 1];

    private static void Insert(SwxProgram program, SwxUpdate update, string table, byte[] key, string action, byte[] data)
        => Assert.Equal(
            SwxChange.Ok, update.Insert(program.FindTable(table)!.Index, key, default, 0, program.FindAction(action)!.Index, data));

    private const string Ping =
        "02ACC0000001" + "020000000001" + "0800" + "4500001C00004000400122F7" + "0AF40101" + "0AF40102" + "0800F7FF00000000";

    [Fact]
    public void A_ping_between_pods_is_routed()
    {
        var pipeline = TwoPods(out _);
        using var worker = pipeline.CreateWorker();
        var frame = SpecBench.Hex(Ping);
        var buffer = new byte[128 + frame.Length];
        frame.CopyTo(buffer, 128);
        var (offset, length) = (128, frame.Length);
        Assert.Equal(SwxVerdict.Transmit, worker.Process(buffer, ref offset, ref length, 1, out var port));
        Assert.Equal(2u, port);
        Assert.Equal(
            "02000000000202ACC000000108004500001C000040003F0123F70AF401010AF401020800F7FF00000000",
            SpecBench.Hex(buffer.AsSpan(offset, length)));
        Assert.Empty(pipeline.Program.Warnings);
    }

    [Fact]
    public void Learning_selecting_and_counting_allocate_nothing()
    {
        var program = SwxProgram.Parse(Features());
        var pipeline = new SwxPipeline(program);
        Insert(pipeline, "t_sel", "0A000002", "", "t_sel_set_group_id", "00000001");
        using (var update = pipeline.BeginUpdate())
        {
            update.SetGroup(0, 1, [new SwxMember(3, 1), new SwxMember(4, 2)]);
            pipeline.Commit(update);
        }
        using var worker = pipeline.CreateWorker();
        var frame = SpecBench.Hex("112233445566" + "AABBCCDDEEFF" + "0800" + "4500001400004000090600000A0000010A000002");
        var buffer = new byte[frame.Length];
        var before = 0L;
        for (var i = 0; i < 2000; i++)
        {
            if (i == 1000)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            frame.CopyTo(buffer, 0);
            (buffer[28], buffer[29]) = ((byte)(i >> 8), (byte)i);
            var (offset, length) = (0, frame.Length);
            worker.Process(buffer, ref offset, ref length, 1, out _);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(new SwxLookups(0, 2000), pipeline.LearnerLookups(0));
    }

    [Fact]
    public void A_packet_allocates_nothing()
    {
        var pipeline = TwoPods(out _);
        using var worker = pipeline.CreateWorker();
        var frame = SpecBench.Hex(Ping);
        var buffer = new byte[128 + frame.Length];
        for (var round = 0; round < 2; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++)
            {
                frame.CopyTo(buffer, 128);
                var (offset, length) = (128, frame.Length);
                worker.Process(buffer, ref offset, ref length, 1, out _);
            }
            // The first round triggers JIT compilation.
            if (round == 1)
            {
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
        Assert.Equal(2000, pipeline.Statistics.Transmitted);
    }

    [Fact]
    public void Corrupted_packets_are_harmless()
    {
        var pipeline = TwoPods(out _);
        using var worker = pipeline.CreateWorker();
        var random = new Random(1);
        var ping = SpecBench.Hex(Ping);
        for (var i = 0; i < 20_000; i++)
        {
            // The frame fills its buffer to the last byte, so that reading past it would leave the buffer.
            var buffer = new byte[random.Next(0, 80)];
            var offset = random.Next(0, buffer.Length + 1);
            var length = buffer.Length - offset;
            ping.AsSpan(0, Math.Min(length, ping.Length)).CopyTo(buffer.AsSpan(offset));
            for (var j = random.Next(4); j > 0 && length > 0; j--)
            {
                buffer[offset + random.Next(length)] = (byte)random.Next(256);
            }

            worker.Process(buffer, ref offset, ref length, (uint)random.Next(4), out _);
            Assert.True(offset >= 0 && length >= 0 && offset + length == buffer.Length);
        }
        var counts = pipeline.Statistics;
        Assert.Equal(20_000, counts.Received);
        Assert.Equal(counts.Received, counts.Transmitted + counts.Dropped + counts.Truncated + counts.NoHeadroom);
        Assert.True(counts.Truncated > 0 && counts.Transmitted > 0 && counts.Dropped > 0);
    }

    [Fact]
    public void Mutations_of_a_specification_throw_nothing_but_SpecException()
    {
        var random = new Random(7);
        var texts = new[]
        {
            Spec(),
            SpecBench.Types + "apply {\nrx m.port\nextract h.wide\nLOOP : mov m.m128 h.wide.a128\njmpeq LOOP m.m8 1\ntx m.port\n}\n",
        };
        string[] words = ["{", "}", "0", "-1", "0xFFFFFFFFFFFFFFFF", "m.m8", "h.ipv4.dst_ip", "t.port", ":", "apply", "table", "const",
            "bit<8>", "varbit<8>", "lpm", "wildcard", "learn", "rx", "size", "99999999999", "é", "\0"];
        var accepted = 0;
        for (var i = 0; i < 3000; i++)
        {
            var lines = texts[i % 2].Split('\n').ToList();
            for (var j = random.Next(1, 4); j > 0; j--)
            {
                Mutate(lines, words, random);
            }

            try
            {
                var program = SwxProgram.Parse(string.Join('\n', lines));
                accepted++;
                RunSome(program, random);
            }
            catch (SpecException error)
            {
                Assert.True(error.Line >= 0 && error.Line <= lines.Count + 1 && error.Reason.Length > 0);
            }
        }
        Assert.InRange(accepted, 1, 2999);
    }

    [Fact]
    public void Compiled_128_bit_arithmetic_works()
    {
        using var worker = new SwxPipeline(SwxProgram.Parse(Features())).CreateWorker();
        const string source = "20010DB8000000010203040506070809";
        const string target = "FD00ABCD12345678DEADBEEF00C0FFEE";
        var frame = SpecBench.Hex("112233445566" + "AABBCCDDEEFF" + "86DD" + "60000000" + "0000" + "3B" + "40" + source + target + "77");
        var (offset, length) = (0, frame.Length);
        Assert.Equal(SwxVerdict.Transmit, worker.Process(frame, ref offset, ref length, 1, out _));
        var (s, t) = (UInt128.Parse(source, NumberStyles.HexNumber, null), UInt128.Parse(target, NumberStyles.HexNumber, null));
        var mask = UInt128.Parse("FFFF0000FFFF0000FFFF0000FFFF0000", NumberStyles.HexNumber, null);
        Assert.Equal($"{s ^ t:X32}{(t & mask) | s:X32}77", SpecBench.Hex(frame.AsSpan(22)));
        Assert.Equal(3, frame[21]);
    }

    [Fact]
    public void Compiled_externs_work()
    {
        var program = SwxProgram.Parse(Features());
        var pipeline = new SwxPipeline(program);
        using var worker = pipeline.CreateWorker();
        Insert(pipeline, "t_exact", "0A000001" + "0A000002", "", "fwd", "00000007" + "020304050607");
        Insert(pipeline, "t_lpm", "0A000000", "FF000000", "setx", "00000009" + "00000A");
        for (var i = 0; i < 2; i++)
        {
            var frame = SpecBench.Hex("112233445566" + "AABBCCDDEEFF" + "0800" + "4500001400004000090600000A0000010A000002");
            var (offset, length) = (0, frame.Length);
            Assert.Equal(SwxVerdict.Transmit, worker.Process(frame, ref offset, ref length, 1, out var port));
            Assert.Equal(7u, port);
            // The table's MAC address, a decremented TTL, and the checksum that the program computes over the addresses.
            Assert.Equal("020304050607AABBCCDDEEFF0800" + "45000014000040000806" + "EBFC" + "0A0000010A000002", SpecBench.Hex(frame));
        }
        ulong Register(string name, int index) => pipeline.ReadRegister(program.FindRegisterArray(name)!.Index, index);
        Assert.Equal(9ul, Register("reg_0", 5));
        // The direct counter of the first entry, and the counter indexed by hash.
        Assert.Equal(2ul, Register("dc_0", 1));
        Assert.Equal(2ul, Enumerable.Range(0, 64).Aggregate(0ul, (sum, i) => sum + Register("cnt_0_packets", i)));
        Assert.Equal(128ul, Enumerable.Range(0, 64).Aggregate(0ul, (sum, i) => sum + Register("cnt_0_bytes", i)));
        Assert.Equal(new SwxLookups(1, 1), pipeline.LearnerLookups(0));
        pipeline.ForEachLearned(0, (key, _, data, timeout, remaining) =>
        {
            // The first packet learned the value from the ternary table's default; the second used timeout 3, two minutes.
            Assert.Equal(("0A0000010A00000206", "00000005" + "0005", 3), (SpecBench.Hex(key), SpecBench.Hex(data), timeout));
            Assert.InRange(remaining.TotalSeconds, 100, 120);
            return true;
        });
    }

    private static void Insert(SwxPipeline pipeline, string table, string key, string mask, string action, string data)
    {
        using var update = pipeline.BeginUpdate();
        Assert.Equal(SwxChange.Ok, update.Insert(
            pipeline.Program.FindTable(table)!.Index, SpecBench.Hex(key), SpecBench.Hex(mask), 0,
                pipeline.Program.FindAction(action)!.Index, SpecBench.Hex(data)));
        pipeline.Commit(update);
    }

    /// <summary>An accepted program must also run.</summary>
    private static void RunSome(SwxProgram program, Random random)
    {
        var pipeline = new SwxPipeline(program, new SwxPipelineOptions { MaxStateBytes = 1 << 24, MaxJumps = 64 });
        using var worker = pipeline.CreateWorker();
        var buffer = new byte[128];
        random.NextBytes(buffer);
        var (offset, length) = (64, 64);
        worker.Process(buffer, ref offset, ref length, 1, out _);
    }

    private static void Mutate(List<string> lines, string[] words, Random random)
    {
        var at = random.Next(lines.Count);
        var tokens = lines[at].Split(' ').ToList();
        switch (random.Next(7))
        {
            case 0:
                lines.RemoveAt(at);
                break;
            case 1:
                lines.Insert(at, lines[random.Next(lines.Count)]);
                break;
            case 2:
                tokens[random.Next(tokens.Count)] = words[random.Next(words.Length)];
                lines[at] = string.Join(' ', tokens);
                break;
            case 3:
                tokens.Insert(random.Next(tokens.Count + 1), words[random.Next(words.Length)]);
                lines[at] = string.Join(' ', tokens);
                break;
            case 4:
                tokens.RemoveAt(random.Next(tokens.Count));
                lines[at] = string.Join(' ', tokens);
                break;
            case 5 when lines[at].Length > 0:
                var chars = lines[at].ToCharArray();
                chars[random.Next(chars.Length)] = (char)random.Next(1, 256);
                lines[at] = new string(chars);
                break;
            default:
                (lines[at], lines[(at + 1) % lines.Count]) = (lines[(at + 1) % lines.Count], lines[at]);
                break;
        }
    }
}
