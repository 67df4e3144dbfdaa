using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.DpdkOracle.Coverage;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Compares the committed pipeline with another version on our engine, alternating, to show the cost of a change to p4src: datagrams from
/// pod to pod, and a tracked connection through a service.
/// </summary>
internal static partial class Pipelines
{
    private const int Burst = 64;
    private const int Headroom = 128;
    private const ulong GatewayMac = 0x02ACC0000001;
    private const string Service = "10.96.0.1";

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        if (options.Against is null)
        {
            return;
        }

        var text = await File.ReadAllTextAsync(Path.Combine(PodEntries.PipelineDirectory, "k8s_dp.spec"));
        var otherText = await File.ReadAllTextAsync(options.Against);
        var (now, other) = (SwxProgram.Parse(text), SwxProgram.Parse(otherText));
        foreach (var (name, frames) in new[] { ("datagrams from pod to pod", Datagrams()),
            ("a connection through a service", Connection()) })
        {
            using var ours = new Run(now, frames);
            using var theirs = new Run(other, frames);
            var packets = options.Rounds(2_000_000, 200_000);
            // Two warm-up runs for the just-in-time compiler.
            for (var i = 0; i < 2; i++)
            {
                _ = (ours.Measure(packets), theirs.Measure(packets));
            }

            var (a, b) = (new List<double>(), new List<double>());
            for (var round = 0; round < options.Rounds(7, 1); round++)
            {
                a.Add(ours.Measure(packets));
                b.Add(theirs.Measure(packets));
            }
            report.AddCompared($"pipeline: instructions of {name}", Instructions(text, frames), "instructions/packet",
                Instructions(otherText, frames));
            report.AddRatioAtLeast($"pipeline: {name} (reference: {Path.GetFileName(options.Against)})", Statistics.Median(a),
                "packets/s", Statistics.Median(b), 0.9);
        }
    }

    // Instructions per packet, which do not depend on the load of the machine.
    private static double Instructions(string text, (uint Port, byte[] Frame)[] frames)
    {
        using var run = new Run(SwxProgram.Parse(new InstrumentedSpec(text).Text), frames);
        run.Measure(10 * frames.Length);
        var before = run.Count(InstrumentedSpec.Array);
        var packets = 100 * frames.Length;
        run.Measure(packets);
        return (run.Count(InstrumentedSpec.Array) - before) / (double)packets;
    }

    private static (uint Port, byte[] Frame)[] Datagrams() =>
        [.. Enumerable.Range(1, 16).Select(pod => ((uint)pod, Packet(pod, 17, Pod(pod), 4321, Pod((pod % 16) + 1), 1234)))];

    // The handshake, then eight times a request and a response, both acknowledged. The sequence is sent repeatedly.
    private static (uint Port, byte[] Frame)[] Connection()
    {
        const byte syn = 2, psh = 8, ack = 16;
        return
        [
            Client(syn, 1000, 0), Server(syn | ack, 5000, 1001), Client(ack, 1001, 5001),
            .. Enumerable.Repeat(new[] { Client(psh | ack, 1001, 5001), Server(ack, 5001, 1023), Server(psh | ack, 5001, 1023),
                Client(ack, 1023, 5023) }, 8).SelectMany(f => f),
        ];

        static (uint, byte[]) Client(int flags, uint sequence, uint acknowledgment) =>
            (1, Packet(1, 6, Pod(1), 5000, Service, 80, (byte)flags, sequence, acknowledgment));

        static (uint, byte[]) Server(int flags, uint sequence, uint acknowledgment) =>
            (2, Packet(2, 6, Pod(2), 8080, Pod(1), 5000, (byte)flags, sequence, acknowledgment));
    }

    private static string Pod(int pod) => $"10.244.1.{pod}";

    private static byte[] Packet(int pod, byte protocol, string from, ushort fromPort, string to, ushort toPort, byte flags = 0,
        uint sequence = 0, uint acknowledgment = 0)
    {
        // UDP: 64-byte frames without the FCS. TCP: 22 bytes of data with PSH, none otherwise.
        var frame = new byte[protocol == 17 ? 60 : (flags & 8) != 0 ? 76 : 54];
        BinaryPrimitives.WriteUInt64BigEndian(frame, GatewayMac << 16);
        BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(6), (0x020000000100ul + (ulong)pod) << 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        var ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        (ip[8], ip[9]) = (64, protocol);
        IPAddress.Parse(from).TryWriteBytes(ip[12..], out _);
        IPAddress.Parse(to).TryWriteBytes(ip[16..], out _);
        Frames.WriteHeaderChecksum(frame);
        BinaryPrimitives.WriteUInt16BigEndian(ip[20..], fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(ip[22..], toPort);
        if (protocol == 17)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[24..], (ushort)(ip.Length - 20));
            return frame;
        }
        BinaryPrimitives.WriteUInt32BigEndian(ip[24..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(ip[28..], acknowledgment);
        (ip[32], ip[33]) = (0x50, flags);
        return frame;
    }

    // The numeric suffix that p4c appends to names.
    [GeneratedRegex("_[0-9]+$")]
    private static partial Regex CompilerSuffix();

    /// <summary>One version of the pipeline with its rows.</summary>
    private sealed class Run : IDisposable
    {
        private readonly SwxProgram _program;
        private readonly SwxPipeline _pipeline;
        private readonly SwxWorker _worker;
        private readonly (uint Port, byte[] Frame)[] _frames;

        public Run(SwxProgram program, (uint Port, byte[] Frame)[] frames)
        {
            (_program, _frames) = (program, frames);
            _pipeline = new SwxPipeline(program);
            for (ulong pod = 1; pod <= 16; pod++)
            {
                var (mac, ip) = (0x020000000100 + pod, 0x0AF40100 + pod);
                Put("port_class", "pod_port", [pod], pod, GatewayMac);
                Put("mac_guard", "allow_mac", [pod, mac]);
                Put("source_guard", "allow_source", [pod, mac, ip]);
                Put("local_sources", "local_source", [ip]);
                Put("pods", "to_pod", [ip], pod, GatewayMac, mac);
            }
            Put("endpoints", "endpoint", [0x0AF40102, 8080, 6], 1);
            Put("backends", "to_backend", [1], 0x0AF40102, 8080, 1, 0);
            Put("buckets", "bucket_backend", [0, 1], 1);
            Put("frontends", "frontend_address", [1], 0x0A600001, 80);
            Put("services", "balance", [0, 0x0A600001, 80, 6], 1, 1, 1, 0, 0, 0, 0, 0);
            _worker = _pipeline.CreateWorker();
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
    }
}
