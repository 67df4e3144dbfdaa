using System.Globalization;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

/// <summary>Runs packets through small programs. Most tests share the headers and metadata.</summary>
internal sealed class SpecBench
{
    public const string Types = """
        struct ethernet_t {
            bit<48> dst
            bit<48> src
            bit<16> type
        }
        struct wide_t {
            bit<8> a8
            bit<16> a16
            bit<24> a24
            bit<32> a32
            bit<40> a40
            bit<48> a48
            bit<56> a56
            bit<64> a64
            bit<128> a128
            bit<8> b8
            bit<16> b16
            bit<32> b32
            bit<48> b48
            bit<64> b64
            bit<128> b128
        }
        struct options_t {
            bit<8> kind
            bit<8> length
            varbit<320> data
        }
        struct sum_t {
            bit<16> sum
        }
        struct ipv4_t {
            bit<8> ver_ihl
            bit<8> tos
            bit<16> length
            bit<16> id
            bit<16> frag
            bit<8> ttl
            bit<8> proto
            bit<16> checksum
            bit<32> src
            bit<32> dst
        }
        struct meta_t {
            bit<32> port
            bit<32> out
            bit<8> m8
            bit<16> m16
            bit<24> m24
            bit<32> m32
            bit<40> m40
            bit<48> m48
            bit<56> m56
            bit<64> m64
            bit<128> m128
            bit<8> n8
            bit<16> n16
            bit<32> n32
            bit<64> n64
            bit<32> hash
            bit<32> group
            bit<32> member
            bit<32> timeout
            bit<32> arg32
            bit<48> arg48
            bit<8> flag
        }
        header eth instanceof ethernet_t
        header wide instanceof wide_t
        header opt instanceof options_t
        header sum instanceof sum_t
        header ip instanceof ipv4_t
        header ip2 instanceof ipv4_t
        metadata instanceof meta_t

        """;

    public SpecBench(string program, SwxPipelineOptions? options = null)
    {
        Program = SwxProgram.Parse(Types + program);
        Pipeline = new SwxPipeline(Program, options);
        Worker = Pipeline.CreateWorker();
    }

    public SwxProgram Program { get; }

    public SwxPipeline Pipeline { get; }

    public SwxWorker Worker { get; }

    /// <summary>A program that has only these declarations and an apply block with this body.</summary>
    public static SpecBench Apply(string body, string declarations = "", SwxPipelineOptions? options = null)
        => new(declarations + "\napply {\n rx m.port\n" + body + "\n}\n", options);

    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes).ToUpper(CultureInfo.InvariantCulture);

    public int Table(string name) => Program.FindTable(name)!.Index;

    public int Action(string name) => Program.FindAction(name)!.Index;

    public SwxChange Insert(string table, string key, string action, string data = "", string mask = "", uint priority = 0)
    {
        using var update = Pipeline.BeginUpdate();
        var change = update.Insert(Table(table), Hex(key), Hex(mask), priority, Action(action), Hex(data));
        Pipeline.Commit(update);
        return change;
    }

    /// <summary>Sends a packet; null if it is dropped.</summary>
    public (uint Port, string Frame)? Send(string frame, uint port = 1, int headroom = 128)
    {
        var bytes = Hex(frame);
        var buffer = new byte[headroom + bytes.Length];
        bytes.CopyTo(buffer, headroom);
        var offset = headroom;
        var length = bytes.Length;
        var verdict = Worker.Process(buffer, ref offset, ref length, port, out var to);
        return verdict == SwxVerdict.Transmit ? (to, Hex(buffer.AsSpan(offset, length))) : null;
    }

    public List<SwxTraceStep> Trace(string frame, uint port = 1)
    {
        var bytes = Hex(frame);
        var buffer = new byte[128 + bytes.Length];
        bytes.CopyTo(buffer, 128);
        var offset = 128;
        var length = bytes.Length;
        var sink = new ListSink();
        Worker.Trace(buffer, ref offset, ref length, port, out _, sink);
        return sink.Steps;
    }

    private sealed class ListSink : ISwxTraceSink
    {
        public List<SwxTraceStep> Steps { get; } = [];

        public void OnStep(SwxTraceStep step) => Steps.Add(step);
    }
}
