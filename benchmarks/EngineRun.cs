using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.RegularExpressions;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.DpdkOracle.Coverage;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Benchmarks;

/// <summary>One version of the pipeline on our engine, with 16 pods and a service, and a sequence of frames for it.</summary>
internal sealed partial class EngineRun : IDisposable
{
    private const int Burst = 64;
    private const int Headroom = 128;
    private const ulong GatewayMac = 0x02ACC0000001;
    private const ulong EgressSet = 1;
    private const ulong IngressSet = 2;
    private const ulong EgressGroup = 3;
    private const ulong IngressGroup = 4;
    private const ulong PeerClass = 5;
    private const ulong PortClass = 6;

    private readonly SwxProgram _program;
    private readonly SwxPipeline _pipeline;
    private readonly SwxWorker _worker;
    private readonly (uint Port, byte[] Frame)[] _frames;

    /// <param name="program">The pipeline.</param>
    /// <param name="frames">The frames.</param>
    /// <param name="isIsolated">Whether policies judge the pods, in both directions: they allow UDP port 1234.</param>
    public EngineRun(SwxProgram program, (uint Port, byte[] Frame)[] frames, bool isIsolated = false)
    {
        (_program, _frames) = (program, frames);
        _pipeline = new SwxPipeline(program);
        for (ulong pod = 1; pod <= 16; pod++)
        {
            var (mac, ip) = (0x020000000100 + pod, 0x0AF40100 + pod);
            if (isIsolated)
            {
                Put("port_class", "isolated_pod_port", [pod], pod, GatewayMac, EgressSet, IngressSet);
                Put("pods", "to_isolated_pod", [ip], pod, GatewayMac, mac, EgressSet, IngressSet);
                Put("peers", "peer", [ip], PeerClass);
            }
            else
            {
                Put("port_class", "pod_port", [pod], pod, GatewayMac);
                Put("pods", "to_pod", [ip], pod, GatewayMac, mac);
            }

            Put("mac_guard", "allow_mac", [pod, mac]);
            Put("source_guard", "allow_source", [pod, mac, ip]);
            Put("local_sources", "local_source", [ip]);
        }
        Put("endpoints", "endpoint", [0x0AF40102, 8080, 6], 1);
        Put("backends", "to_backend", [1], 0x0AF40102, 8080, 1, 0);
        Put("buckets", "bucket_backend", [0, 1], 1);
        Put("frontends", "frontend_address", [1], 0x0A600001, 80);
        Put("services", "balance", [0, 0x0A600001, 80, 6], 1, 1, 1, 0, 0, 0, 0, 0);
        if (isIsolated)
        {
            Put("ports", "numbered_port", [17, 1234], PortClass);
            Put("egress_groups", "group", [PeerClass, EgressSet], EgressGroup);
            Put("ingress_groups", "group", [PeerClass, IngressSet], IngressGroup);
            Put("verdicts", "allow", [EgressGroup, PortClass], 1);
            Put("verdicts", "allow", [IngressGroup, PortClass], 1);
        }

        _worker = _pipeline.CreateWorker();
    }

    /// <summary>Instructions per packet, which do not depend on the load of the machine.</summary>
    /// <param name="text">The pipeline's text.</param>
    /// <param name="frames">The frames.</param>
    /// <param name="isIsolated">Whether policies judge the pods.</param>
    public static double Instructions(string text, (uint Port, byte[] Frame)[] frames, bool isIsolated = false)
    {
        using var run = new EngineRun(SwxProgram.Parse(new InstrumentedSpec(text).Text), frames, isIsolated);
        run.Measure(10 * frames.Length);
        var before = run.Count(InstrumentedSpec.Array);
        var packets = 100 * frames.Length;
        run.Measure(packets);
        return (run.Count(InstrumentedSpec.Array) - before) / (double)packets;
    }

    /// <summary>Measures two runs alternately.</summary>
    /// <returns>Packets per second of each, the medians.</returns>
    public static (double First, double Second) Alternate(EngineRun first, EngineRun second, BenchOptions options)
    {
        var packets = options.Rounds(2_000_000, 200_000);
        // Two warm-up runs for the just-in-time compiler.
        for (var i = 0; i < 2; i++)
        {
            _ = (first.Measure(packets), second.Measure(packets));
        }

        var (a, b) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Rounds(7, 1); round++)
        {
            a.Add(first.Measure(packets));
            b.Add(second.Measure(packets));
        }

        return (Statistics.Median(a), Statistics.Median(b));
    }

    /// <returns>Packets per second.</returns>
    public double Measure(int packets)
    {
        var buffer = new byte[2048];
        var started = Stopwatch.GetTimestamp();
        for (var sent = 0; sent < packets;)
        {
            // Like the data plane: one burst sees one version of the tables.
            _worker.Enter();
            for (var i = 0; i < Burst && sent < packets; i++, sent++)
            {
                var (port, frame) = _frames[sent % _frames.Length];
                var (offset, length) = (Headroom, frame.Length);
                frame.CopyTo(buffer, offset);
                if (_worker.Process(buffer, ref offset, ref length, port, out _) != SwxVerdict.Transmit)
                {
                    throw new InvalidOperationException($"packet {sent % _frames.Length} was dropped");
                }
            }
            _worker.Exit();
        }
        return packets / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>The sum of a register array.</summary>
    public double Count(string array)
    {
        var registers = _program.FindRegisterArray(array)!;
        return Enumerable.Range(0, (int)registers.Size).Sum(i => (double)_pipeline.ReadRegister(registers.Index, i));
    }

    public void Dispose() => _worker.Dispose();

    private void Put(string table, string action, ulong[] key, params ulong[] arguments)
    {
        var store = _program.Tables.Single(t => CompilerSuffix().Replace(t.Name, "") == table);
        var chosen = store.Actions.Single(a => CompilerSuffix().Replace(a.Action.Name, "") == action).Action;
        var packed = new byte[store.KeyBytes];
        foreach (var (field, value) in store.Key.Zip(key))
        {
            Write(value, packed.AsSpan(field.Offset, field.Bytes));
        }

        var data = new byte[chosen.DataBytes];
        foreach (var (argument, value) in chosen.Arguments.Zip(arguments))
        {
            Write(value, data.AsSpan(argument.Offset, argument.Bytes));
        }

        using var update = _pipeline.BeginUpdate();
        if (update.Insert(store.Index, packed, default, 0, chosen.Index, data) != SwxChange.Ok)
        {
            throw new InvalidOperationException($"a row of {table} was rejected");
        }

        _pipeline.Commit(update);
    }

    private static void Write(ulong value, Span<byte> target)
    {
        Span<byte> all = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(all, value);
        all[(8 - target.Length)..].CopyTo(target);
    }

    // The numeric suffix that p4c appends to names.
    [GeneratedRegex("_[0-9]+$")]
    private static partial Regex CompilerSuffix();
}
