using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>The instructions that only use the packet and metadata, with results computed by hand or published.</summary>
public class InstructionTests
{
    // a8 a16 a24 a32 a40 a48 a56 a64 a128, then b8 b16 b32 b48 b64 b128.
    private const string Wide =
        "A1 B1B2 C1C2C3 D1D2D3D4 E1E2E3E4E5 F1F2F3F4F5F6 01020304050607 1112131415161718 202122232425262728292A2B2C2D2E2F"
        + " 31 3233 34353637 38393A3B3C3D 3E3F404142434445 505152535455565758595A5B5C5D5E5F";

    private static readonly string[] WideFields = ["a8", "a16", "a24", "a32", "a40", "a48", "a56", "a64", "a128", "b8", "b16", "b32", "b48",
        "b64", "b128"];
    private static readonly int[] WideBytes = [1, 2, 3, 4, 5, 6, 7, 8, 16, 1, 2, 4, 6, 8, 16];

    /// <summary>Extracts the wide header, runs a body, sends the header on and returns one field of it.</summary>
    private static string Run(string body, string result, string wide = Wide)
    {
        var bench = SpecBench.Apply($"extract h.wide\n{body}\nemit h.wide\ntx m.port");
        var sent = bench.Send(wide + "EEEE");
        Assert.NotNull(sent);
        Assert.EndsWith("EEEE", sent.Value.Frame, StringComparison.Ordinal);
        var at = WideBytes[..Array.IndexOf(WideFields, result)].Sum();
        return sent.Value.Frame.Substring(at * 2, WideBytes[Array.IndexOf(WideFields, result)] * 2);
    }

    [Theory]
    // To a header field: truncated to its low bits, or extended with zeros.
    [InlineData("mov h.wide.b8 0x1FF", "b8", "FF")]
    [InlineData("mov h.wide.b16 0x1234", "b16", "1234")]
    [InlineData("mov h.wide.b32 -1", "b32", "FFFFFFFF")]
    [InlineData("mov h.wide.b48 0x112233445566", "b48", "112233445566")]
    [InlineData("mov h.wide.b64 0x1122334455667788", "b64", "1122334455667788")]
    [InlineData("mov h.wide.a24 0x010203", "a24", "010203")]
    [InlineData("mov h.wide.a40 0x0102030405", "a40", "0102030405")]
    [InlineData("mov h.wide.a56 0x01020304050607", "a56", "01020304050607")]
    [InlineData("mov h.wide.b16 010", "b16", "0008")]
    // Header to header.
    [InlineData("mov h.wide.b8 h.wide.a8", "b8", "A1")]
    [InlineData("mov h.wide.b16 h.wide.a8", "b16", "00A1")]
    [InlineData("mov h.wide.b8 h.wide.a16", "b8", "B2")]
    [InlineData("mov h.wide.b16 h.wide.a16", "b16", "B1B2")]
    [InlineData("mov h.wide.b32 h.wide.a24", "b32", "00C1C2C3")]
    [InlineData("mov h.wide.b32 h.wide.a32", "b32", "D1D2D3D4")]
    [InlineData("mov h.wide.b48 h.wide.a48", "b48", "F1F2F3F4F5F6")]
    [InlineData("mov h.wide.b48 h.wide.a64", "b48", "131415161718")]
    [InlineData("mov h.wide.b64 h.wide.a64", "b64", "1112131415161718")]
    [InlineData("mov h.wide.b64 h.wide.a56", "b64", "0001020304050607")]
    [InlineData("mov h.wide.b128 h.wide.a128", "b128", "202122232425262728292A2B2C2D2E2F")]
    [InlineData("mov h.wide.b64 h.wide.a128", "b64", "28292A2B2C2D2E2F")]
    [InlineData("movh h.wide.b64 h.wide.a128", "b64", "2021222324252627")]
    [InlineData("mov h.wide.b128 h.wide.a64", "b128", "00000000000000001112131415161718")]
    [InlineData("movh h.wide.b128 h.wide.a64", "b128", "111213141516171858595A5B5C5D5E5F")]
    // Through metadata and back, in each width.
    [InlineData("mov m.m8 h.wide.a8\nmov h.wide.b8 m.m8", "b8", "A1")]
    [InlineData("mov m.m16 h.wide.a16\nmov h.wide.b16 m.m16", "b16", "B1B2")]
    [InlineData("mov m.m24 h.wide.a24\nmov h.wide.b32 m.m24", "b32", "00C1C2C3")]
    [InlineData("mov m.m32 h.wide.a32\nmov h.wide.b32 m.m32", "b32", "D1D2D3D4")]
    [InlineData("mov m.m40 h.wide.a40\nmov h.wide.b64 m.m40", "b64", "000000E1E2E3E4E5")]
    [InlineData("mov m.m48 h.wide.a48\nmov h.wide.b48 m.m48", "b48", "F1F2F3F4F5F6")]
    [InlineData("mov m.m56 h.wide.a56\nmov h.wide.a56 0\nmov h.wide.a56 m.m56", "a56", "01020304050607")]
    [InlineData("mov m.m64 h.wide.a64\nmov h.wide.b64 m.m64", "b64", "1112131415161718")]
    [InlineData("mov m.m128 h.wide.a128\nmov h.wide.b128 m.m128", "b128", "202122232425262728292A2B2C2D2E2F")]
    // Different widths, host order in the metadata.
    [InlineData("mov m.m32 h.wide.a16\nmov h.wide.b32 m.m32", "b32", "0000B1B2")]
    [InlineData("mov m.m16 h.wide.a32\nmov h.wide.b16 m.m16", "b16", "D3D4")]
    [InlineData("mov m.m16 0x12345\nmov m.n8 m.m16\nmov h.wide.b8 m.n8", "b8", "45")]
    [InlineData("mov m.m64 0x1122334455667788\nmov m.n32 m.m64\nmov h.wide.b32 m.n32", "b32", "55667788")]
    [InlineData("mov m.m8 0x7F\nmov m.n64 m.m8\nmov h.wide.b64 m.n64", "b64", "000000000000007F")]
    [InlineData("mov m.m48 0x112233445566\nmov m.m40 m.m48\nmov h.wide.b64 m.m40", "b64", "0000002233445566")]
    public void Moves(string body, string field, string expected) => Assert.Equal(expected, Run(body, field));

    [Theory]
    [InlineData("add h.wide.b16 1", "b16", "3234")]
    [InlineData("add h.wide.b8 0xFF", "b8", "30")]
    [InlineData("add h.wide.b16 h.wide.a8", "b16", "32D4")]
    [InlineData("add h.wide.b8 h.wide.a16", "b8", "E3")]
    [InlineData("mov m.m32 0x01000001\nadd h.wide.b32 m.m32", "b32", "35353638")]
    [InlineData("mov m.m32 5\nadd m.m32 h.wide.a16\nmov h.wide.b32 m.m32", "b32", "0000B1B7")]
    [InlineData("mov m.m16 0xFFFF\nadd m.m16 2\nmov h.wide.b16 m.m16", "b16", "0001")]
    [InlineData("sub h.wide.b16 0x3234", "b16", "FFFF")]
    [InlineData("sub h.wide.b32 h.wide.b8", "b32", "34353606")]
    [InlineData("mov m.m8 1\nsub h.wide.b48 m.m8", "b48", "38393A3B3C3C")]
    [InlineData("mov m.m16 1\nsub m.m16 h.wide.b8\nmov h.wide.b16 m.m16", "b16", "FFD0")]
    [InlineData("and h.wide.b32 0xFF00FF", "b32", "00350037")]
    [InlineData("and h.wide.b16 h.wide.a8", "b16", "0021")]
    [InlineData("mov m.m32 0x0F0F\nand h.wide.b16 m.m32", "b16", "0203")]
    [InlineData("mov m.m32 0xFFFF\nand m.m32 h.wide.a32\nmov h.wide.b32 m.m32", "b32", "0000D3D4")]
    [InlineData("mov m.m16 0xF0F\nmov m.n16 0x1FF\nand m.m16 m.n16\nmov h.wide.b16 m.m16", "b16", "010F")]
    [InlineData("or h.wide.b16 0x8001", "b16", "B233")]
    [InlineData("or h.wide.b16 h.wide.b8", "b16", "3233")]
    [InlineData("mov m.m8 0x80\nor h.wide.b8 m.m8", "b8", "B1")]
    [InlineData("xor h.wide.b16 0xFFFF", "b16", "CDCC")]
    [InlineData("xor h.wide.b32 h.wide.a32", "b32", "E5E7E5E3")]
    [InlineData("mov m.m32 0xFF\nxor m.m32 h.wide.b8\nmov h.wide.b8 m.m32", "b8", "CE")]
    [InlineData("shl h.wide.b16 4", "b16", "2330")]
    [InlineData("shl h.wide.b48 8", "b48", "393A3B3C3D00")]
    [InlineData("mov m.m8 3\nshl h.wide.b8 m.m8", "b8", "88")]
    [InlineData("mov m.m32 1\nmov m.m8 31\nshl m.m32 m.m8\nmov h.wide.b32 m.m32", "b32", "80000000")]
    [InlineData("mov m.m32 1\nshl m.m32 32\nmov h.wide.b32 m.m32", "b32", "00000000")]
    [InlineData("shr h.wide.b16 4", "b16", "0323")]
    [InlineData("shr h.wide.b64 h.wide.b8", "b64", "0000000000001F1F")]
    [InlineData("mov m.m16 0xFF00\nshr m.m16 8\nmov h.wide.b16 m.m16", "b16", "00FF")]
    public void Arithmetic(string body, string field, string expected) => Assert.Equal(expected, Run(body, field));

    [Theory]
    // State 0 is ffff in one's complement; the sum of 45 00 … is what a router computes.
    [InlineData("ckadd h.sum.sum h.ip", "4500003C1C4640004006 0000 AC100A63AC100A0C", "B1E6")]
    // A header with a correct checksum adds up to ffff, never 0.
    [InlineData("ckadd h.sum.sum h.ip", "4500003C1C4640004006 B1E6 AC100A63AC100A0C", "FFFF")]
    [InlineData("ckadd h.sum.sum h.ip.src", "4500003C1C4640004006 0000 AC100A63AC100A0C", "498C")]
    [InlineData("ckadd h.sum.sum h.ip.id", "4500003C1C4640004006 0000 AC100A63AC100A0C", "E3B9")]
    // A field of 8 bits counts as the first byte of a pair.
    [InlineData("ckadd h.sum.sum h.ip.ttl", "4500003C1C4640004006 0000 AC100A63AC100A0C", "BFFF")]
    [InlineData("ckadd h.sum.sum h.ip.src\nckadd h.sum.sum h.ip.id\ncksub h.sum.sum h.ip.src",
        "4500003C1C4640004006 0000 AC100A63AC100A0C", "E3B9")]
    [InlineData("cksub h.sum.sum h.ip.id", "4500003C1C4640004006 0000 AC100A63AC100A0C", "1C46")]
    public void Checksums(string body, string header, string expected)
    {
        var bench = SpecBench.Apply($"extract h.ip\nmov h.sum.sum 0\n{body}\nmov h.ip.checksum h.sum.sum\nemit h.ip\ntx 1");
        Assert.Equal(expected, bench.Send(header)!.Value.Frame.Substring(20, 4));
    }

    [Theory]
    [InlineData("jmpeq YES h.wide.a8 0xA1", true)]
    [InlineData("jmpeq YES h.wide.a8 0x1A1", true)]
    [InlineData("jmpeq YES h.wide.a16 0xB2B1", false)]
    [InlineData("jmpeq YES h.wide.a16 0xB1B2", true)]
    [InlineData("jmpeq YES h.wide.a24 0xC1C2C3", true)]
    [InlineData("jmpeq YES h.wide.a32 0xD1D2D3D4", true)]
    [InlineData("jmpeq YES h.wide.a48 0xF1F2F3F4F5F6", true)]
    [InlineData("jmpeq YES h.wide.a64 0x1112131415161718", true)]
    [InlineData("mov m.m8 0xFF\njmpeq YES m.m8 0xFF", true)]
    [InlineData("mov m.m8 0xFF\njmpeq YES m.m8 0x1FF", false)]
    [InlineData("mov m.m16 0x1234\njmpeq YES m.m16 0x1234", true)]
    [InlineData("mov m.m32 7\njmpeq YES m.m32 7", true)]
    [InlineData("mov m.m8 0xFF\njmpneq YES m.m8 0x1FF", true)]
    [InlineData("mov m.m32 0xA1\njmpeq YES m.m32 h.wide.a8", true)]
    [InlineData("mov m.m32 0xA1\njmpeq YES h.wide.a8 m.m32", true)]
    [InlineData("mov m.m32 0xA1\nmov m.n64 0xA1\njmpeq YES m.m32 m.n64", true)]
    [InlineData("mov h.wide.b16 0xA1\njmpeq YES h.wide.a8 h.wide.b16", true)]
    [InlineData("jmpneq YES h.wide.a8 0xA1", false)]
    [InlineData("jmpneq YES h.wide.a16 0", true)]
    [InlineData("jmpneq YES h.wide.a32 0", true)]
    [InlineData("jmpneq YES h.wide.a40 0xE1E2E3E4E5", false)]
    [InlineData("jmpneq YES h.wide.a8 h.wide.b8", true)]
    [InlineData("jmplt YES h.wide.a16 0xB1B3", true)]
    [InlineData("jmplt YES h.wide.a16 0xB1B2", false)]
    [InlineData("mov m.m16 0x00FF\njmplt YES m.m16 0x0100", true)]
    [InlineData("jmplt YES h.wide.b8 h.wide.a8", true)]
    [InlineData("mov m.m64 0xFFFFFFFFFFFFFFFF\njmplt YES h.wide.a64 m.m64", true)]
    [InlineData("jmpgt YES h.wide.a16 0xB1B1", true)]
    [InlineData("jmpgt YES h.wide.a16 0xB1B2", false)]
    [InlineData("mov m.m64 0xFFFFFFFFFFFFFFFF\njmpgt YES m.m64 h.wide.a64", true)]
    [InlineData("jmpgt YES h.wide.b8 h.wide.a8", false)]
    [InlineData("jmpv YES h.wide", true)]
    [InlineData("jmpv YES h.eth", false)]
    [InlineData("jmpnv YES h.eth", true)]
    [InlineData("invalidate h.wide\njmpnv YES h.wide", true)]
    [InlineData("validate h.eth\njmpv YES h.eth", true)]
    [InlineData("jmp YES", true)]
    public void Jumps(string body, bool taken)
    {
        var bench = SpecBench.Apply($"extract h.wide\n{body}\ntx 1\nYES : tx 2");
        Assert.Equal(taken ? 2u : 1u, bench.Send(Wide)!.Value.Port);
    }

    [Fact]
    public void Rx_gives_the_port_and_tx_takes_it_from_metadata_or_a_constant()
    {
        Assert.Equal(77u, SpecBench.Apply("tx m.port").Send("00", 77)!.Value.Port);
        Assert.Equal(9u, SpecBench.Apply("tx 9").Send("00", 77)!.Value.Port);
        Assert.Null(SpecBench.Apply("drop").Send("00"));
    }

    [Fact]
    public void A_header_can_be_removed_added_and_kept()
    {
        Assert.Equal("EEEE", SpecBench.Apply("extract h.sum\ntx 1").Send("AABBEEEE")!.Value.Frame);
        Assert.Equal("AABBEEEE", SpecBench.Apply("extract h.sum\nemit h.sum\ntx 1").Send("AABBEEEE")!.Value.Frame);
        Assert.Equal("1234EEEE", SpecBench.Apply("validate h.sum\nmov h.sum.sum 0x1234\nemit h.sum\ntx 1").Send("EEEE")!.Value.Frame);
        // Encapsulation before headers that stay in place, and a new order, which requires a copy.
        Assert.Equal(
            "0000005500000000000000000000000000000000" + "AABB01",
            SpecBench.Apply("extract h.sum\nvalidate h.ip\nmov h.ip.length 0x55\nemit h.ip\nemit h.sum\ntx 1").Send("AABB01")!.Value.Frame);
        Assert.Equal(
            "AABB" + "CCDDEEFF00112233445566778899" + "01",
            SpecBench.Apply("extract h.eth\nextract h.sum\nemit h.sum\nemit h.eth\ntx 1").Send(
                "CCDDEEFF00112233445566778899AABB01")!.Value.Frame);
        Assert.Equal("01", SpecBench.Apply("extract h.sum\ninvalidate h.sum\nemit h.sum\ntx 1").Send("AABB01")!.Value.Frame);
    }

    [Fact]
    public void Validate_leaves_a_valid_header_and_clears_a_new_one()
    {
        Assert.Equal("AABB01", SpecBench.Apply("extract h.sum\nvalidate h.sum\nemit h.sum\ntx 1").Send("AABB01")!.Value.Frame);
        var bench = SpecBench.Apply("jmpeq FILL m.port 2\njmp SEND\nFILL : mov h.sum.sum 0x7777\nSEND : validate h.sum\nemit h.sum\ntx 1");
        Assert.Equal("7777", bench.Send("", 2)!.Value.Frame);
        // No data of an earlier packet may be visible.
        Assert.Equal("0000", bench.Send("", 1)!.Value.Frame);
    }

    [Fact]
    public void Lookahead_reads_a_header_without_extracting_it()
    {
        var bench = SpecBench.Apply(
            "lookahead h.sum\njmpeq ETH h.sum.sum 0xCCDD\ndrop\nETH : invalidate h.sum\nextract h.eth\nemit h.sum\nemit h.eth\ntx 3");
        Assert.Equal((3u, "CCDDEEFF00112233445566778899"), bench.Send("CCDDEEFF00112233445566778899"));
        Assert.Null(bench.Send("CC"));
        Assert.Equal(1, bench.Pipeline.Statistics.Truncated);
    }

    [Fact]
    public void A_variable_header_takes_its_length_from_metadata()
    {
        var bench = SpecBench.Apply(
            "lookahead h.sum\nmov m.m32 h.sum.sum\nand m.m32 0xFF\nsub m.m32 2\ninvalidate h.sum\n"
                + "extract h.opt m.m32\nextract h.sum\nadd h.sum.sum 1\nemit h.opt\nemit h.sum\ntx 1");
        Assert.Equal("0706AABBCCDD" + "0002EE", bench.Send("0706AABBCCDD" + "0001EE")!.Value.Frame);
        Assert.Equal("0702" + "0002EE", bench.Send("0702" + "0001EE")!.Value.Frame);
        // One byte less than the header requires, and a length that wraps around.
        Assert.Null(bench.Send("0706AABBCC"));
        Assert.Null(bench.Send("0701AABBCC"));
        Assert.Equal(2, bench.Pipeline.Statistics.Truncated);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(13)]
    public void A_header_beyond_the_end_drops_the_packet(int length)
    {
        var bench = SpecBench.Apply("extract h.eth\nemit h.eth\ntx 1");
        Assert.Null(bench.Send(new string('A', length * 2)));
        Assert.Equal(1, bench.Pipeline.Statistics.Truncated);
        Assert.NotNull(bench.Send(new string('A', 28)));
    }

    [Fact]
    public void Packets_that_end_within_a_header_are_counted_where_the_options_say()
    {
        const string Program = "regarray drops size 4 initval 0\napply {\nrx m.port\nextract h.eth\nemit h.eth\ntx 1\n}";
        var bench = new SpecBench(Program, new SwxPipelineOptions { TruncatedCell = (0, 3) });
        Assert.Null(bench.Send("AA"));
        Assert.Null(bench.Send("AABB"));
        Assert.NotNull(bench.Send(new string('A', 28)));
        Assert.Equal([0ul, 0, 0, 2], Enumerable.Range(0, 4).Select(i => bench.Pipeline.ReadRegister(0, i)));
    }

    [Fact]
    public void A_packet_that_exceeds_its_buffer_is_dropped()
    {
        var bench = SpecBench.Apply("validate h.ip\nemit h.ip\ntx 1");
        Assert.NotNull(bench.Send("EE", headroom: 20));
        Assert.Null(bench.Send("EE", headroom: 19));
        Assert.Equal(1, bench.Pipeline.Statistics.NoHeadroom);
    }

    [Theory]
    [InlineData("hash crc32 m.hash h.ip.src h.ip.dst", 12, 8)]
    [InlineData("hash crc32 m.hash h.ip.ttl h.ip.dst", 8, 12)]
    [InlineData("hash crc32 m.hash h.ip.proto h.ip.proto", 9, 1)]
    [InlineData("hash crc32 m.hash h.ip.ver_ihl h.ip.checksum", 0, 12)]
    public void Crc32_is_castagnoli_over_the_bytes(string body, int from, int bytes)
    {
        var header = "4500003C1C4640004006B1E6AC100A63AC100A0C";
        var bench = SpecBench.Apply($"extract h.ip\n{body}\nvalidate h.wide\nmov h.wide.b32 m.hash\nemit h.wide\ntx 1");
        var expected = Castagnoli(SpecBench.Hex(header).AsSpan(from, bytes));
        Assert.Equal($"{expected:X8}", bench.Send(header)!.Value.Frame.Substring(55 * 2, 8));
    }

    [Theory]
    [InlineData("", 0xdeadbeef)]
    [InlineData("466F75722073636F726520616E6420736576656E2079656172732061676F", 0x17770551)]
    public unsafe void Jenkins_matches_the_published_results_of_lookup3(string data, uint expected)
    {
        var bytes = SpecBench.Hex(data);
        fixed (byte* p = bytes.Length == 0 ? new byte[1] : bytes)
        {
            Assert.Equal(expected, SwxHash.Jenkins(p, bytes.Length));
        }
    }

    [Theory]
    // Microsoft's verification suite for receive-side scaling: source and destination address, ports.
    [InlineData("420995BB A18E6450", 0x323e8fc2)]
    [InlineData("420995BB A18E6450 0AEA 06E6", 0x51ccc178)]
    public unsafe void Toeplitz_matches_the_published_results(string data, uint expected)
    {
        var bytes = SpecBench.Hex(data);
        fixed (byte* p = bytes)
        {
            Assert.Equal(expected, SwxHash.Toeplitz(p, bytes.Length));
        }
    }

    [Fact]
    public void Rss_is_declared_and_used()
    {
        var bench = SpecBench.Apply("extract h.ip\nrss r m.hash h.ip.src h.ip.dst\nmov h.ip.src m.hash\nemit h.ip\ntx 1", "rss r");
        Assert.Equal("323E8FC2", bench.Send("4500003C1C4640004006B1E6" + "420995BBA18E6450")!.Value.Frame.Substring(24, 8));
    }

    private static uint Castagnoli(ReadOnlySpan<byte> data)
    {
        uint crc = 0;
        foreach (var b in data)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
            }
        }
        return crc;
    }
}
