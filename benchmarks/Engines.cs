using System.Diagnostics;
using System.Globalization;
using System.Text;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.DpdkOracle;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>
/// The same frames through the same `.spec` with the same rows: our engine and DPDK's SWX pipeline, both on one thread without I/O.
/// Sixteen pods each send to the next; every packet passes five tables and is transmitted.
/// </summary>
internal static class Engines
{
    private const int Pods = 16;
    private const int Burst = 64;
    private const int Headroom = 128;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        var spec = Path.Combine(PodEntries.PipelineDirectory, "k8s_dp.spec");
        var program = SwxProgram.Parse(await File.ReadAllTextAsync(spec));
        var rows = Enumerable.Range(0, Pods).SelectMany(pod => Rows(program, pod)).ToArray();
        var frames = Enumerable.Range(0, Pods).Select(Frame).ToArray();
        var pipeline = new SwxPipeline(program);
        using (var update = pipeline.BeginUpdate())
        {
            foreach (var row in rows)
            {
                Require(update.Insert(row.Table.Index, row.Key, default, 0, row.Action.Index,
                    row.Data) == SwxChange.Ok, $"a row of {row.Table.Name} was rejected");
            }

            pipeline.Commit(update);
        }

        using var worker = pipeline.CreateWorker();
        var packets = options.Rounds(2_000_000, 200_000);
        var ours = new List<double>();
        var dpdk = new List<double>();
        await using var oracle = OracleProgram.Missing is null ? await SwxOracle.StartAsync(spec) : null;
        if (oracle is not null)
        {
            await PrepareAsync(oracle, rows, frames);
        }
        // Two warm-up runs for the just-in-time compiler.
        Measure(worker, frames, packets);
        Measure(worker, frames, packets);
        for (var round = 0; round < options.Rounds(7, 1); round++)
        {
            ours.Add(Measure(worker, frames, packets));
            if (oracle is not null)
            {
                dpdk.Add(await MeasureAsync(oracle, packets));
            }
        }

        const string Name = "engine: packets without I/O, one thread";
        if (dpdk.Count > 0)
        {
            report.AddCompared($"{Name} (reference: DPDK's SWX pipeline)", Statistics.Median(ours), "packets/s", Statistics.Median(dpdk));
        }
        else
        {
            report.Add($"{Name} (DPDK not compared: {OracleProgram.Missing})", Statistics.Median(ours), "packets/s");
        }
    }

    /// <returns>Packets per second.</returns>
    private static double Measure(SwxWorker worker, byte[][] frames, int packets)
    {
        var buffer = new byte[2048];
        var started = Stopwatch.GetTimestamp();
        for (var sent = 0; sent < packets;)
        {
            // Like the data plane: one burst sees one version of the tables.
            worker.Enter();
            for (var i = 0; i < Burst; i++, sent++)
            {
                var pod = sent % Pods;
                var (offset, length) = (Headroom, frames[pod].Length);
                frames[pod].CopyTo(buffer, offset);
                if (worker.Process(buffer, ref offset, ref length, (uint)pod, out var port) != SwxVerdict.Transmit
                    || port != (pod + 1) % Pods)
                {
                    throw new InvalidOperationException($"a packet of pod {pod} did not reach its neighbour");
                }
            }

            worker.Exit();
        }

        return packets / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task PrepareAsync(SwxOracle oracle, Row[] rows, byte[][] frames)
    {
        var commands = new StringBuilder();
        foreach (var row in rows)
        {
            commands.Append(CultureInfo.InvariantCulture, $"entry {row.Table.Name} add {row.Text()}\n");
        }

        commands.Append("commit\n");
        for (var pod = 0; pod < Pods; pod++)
        {
            commands.Append(CultureInfo.InvariantCulture, $"offer {pod} {Convert.ToHexStringLower(frames[pod])}\n");
        }

        var answers = await oracle.ExchangeAsync(commands.ToString());
        Require(answers is ["committed"], $"DPDK answered {string.Join("; ", answers)}");
    }

    private static async Task<double> MeasureAsync(SwxOracle oracle, int packets)
    {
        var answer = (await oracle.ExchangeAsync($"rate {packets}\n"))[0].Split(' ');
        return packets / (double.Parse(answer[1], CultureInfo.InvariantCulture) / 1e9);
    }

    private static byte[] Frame(int pod) => Frames.Udp(Mac(pod), Gateway, Address(pod), Address((pod + 1) % Pods), payload: 22);

    private static ACCOffload.NativeInterop.Addresses.MacAddress Gateway =>
        ACCOffload.NativeInterop.Addresses.MacAddress.Parse("02:ac:c0:00:00:01");

    private static ACCOffload.NativeInterop.Addresses.MacAddress Mac(int pod) => new(0x020000000100ul + (ulong)pod);

    private static string Address(int pod) => $"10.244.1.{pod + 2}";

    /// <summary>The rows that InfraManager writes for a pod.</summary>
    private static IEnumerable<Row> Rows(SwxProgram program, int pod)
    {
        byte[] port = [0, 0, 0, (byte)pod], mac = Mac(pod).ToArray(), ip = [10, 244, 1, (byte)(pod + 2)], gateway = Gateway.ToArray();
        yield return Make("port_class", port, "pod_port", [.. port, .. gateway]);
        yield return Make("mac_guard", [.. port, .. mac], "allow_mac", []);
        yield return Make("source_guard", [.. port, .. mac, .. ip], "allow_source", []);
        yield return Make("local_sources", ip, "local_source", []);
        yield return Make("pods", ip, "to_pod", [.. port, .. gateway, .. mac]);

        Row Make(string table, byte[] key, string action, byte[] data) =>
            new(program.FindTable(table)!, key, program.FindAction(action)!, data);
    }

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private sealed record Row(SwxTable Table, byte[] Key, SwxAction Action, byte[] Data)
    {
        /// <summary>The row in the syntax of DPDK's control library.</summary>
        public string Text()
        {
            var text = new StringBuilder("match");
            foreach (var field in Table.Key)
            {
                text.Append(" 0x").Append(Convert.ToHexStringLower(Key.AsSpan(field.Offset, field.Bytes)));
            }

            text.Append(" action ").Append(Action.Name);
            foreach (var argument in Action.Arguments)
            {
                text.Append(' ').Append(argument.Name).Append(" 0x")
                    .Append(Convert.ToHexStringLower(Data.AsSpan(argument.Offset, argument.Bytes)));
            }

            return text.ToString();
        }
    }
}
