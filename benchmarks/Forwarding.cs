using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Small UDP packets from one pod to another at the maximum rate of one sender, through the soft target and through the kernel's bridge.
/// </summary>
internal static class Forwarding
{
    private const int Payload = 22;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync();
        var ours = await PairAsync(lab, CniHarness.Ours(lab), "soft");
        var bridge = await PairAsync(lab, CniHarness.Bridge(lab), "bridge");
        // Pods on the bridge are neighbours; ours send through the gateway.
        var oursFrame = Frames.Udp(ours.From.Mac, MacAddress.Parse("02:ac:c0:00:00:01"), ours.From.Address, ours.To.Address,
            payload: Payload);
        var bridgeFrame = Frames.Udp(bridge.From.Mac, bridge.To.Mac, bridge.From.Address, bridge.To.Address, payload: Payload);

        var duration = TimeSpan.FromMilliseconds(options.Rounds(1000, 300));
        var soft = new List<Measure>();
        var kernel = new List<Measure>();
        await SendAtFullRateAsync(ours, oursFrame, duration);
        for (var round = 0; round < options.Rounds(5, 1); round++)
        {
            soft.Add(await SendAtFullRateAsync(ours, oursFrame, duration));
            kernel.Add(await SendAtFullRateAsync(bridge, bridgeFrame, duration));
        }

        report.AddCompared(
            $"forwarding: {oursFrame.Length} byte frames delivered", Statistics.Median(soft.Select(m => m.Delivered)), "packets/s",
            Statistics.Median(kernel.Select(m => m.Delivered)));
        await UnderChangesAsync(lab, ours, options, report, duration);
        report.AddCompared("forwarding: offered by the sender", Statistics.Median(soft.Select(m => m.Sent)), "packets/s",
            Statistics.Median(kernel.Select(m => m.Sent)));
    }

    /// <summary>
    /// The same load under constant Writes: of two rows in two tables that every packet needs, or of 256 rows that no packet needs.
    /// </summary>
    private static async Task UnderChangesAsync(Lab lab, (End From, End To) pair, BenchOptions options, Report report, TimeSpan duration)
    {
        await using var target = await RawP4Runtime.ConnectAsync(lab.TargetSocket);
        var (from, to) = (new PodEnd(pair.From.Namespace, pair.From.Mac, pair.From.Address), new PodEnd(pair.To.Namespace, pair.To.Mac,
            pair.To.Address));
        // Both versions lead to the same pod through different gateways. Only the first one and its frame are used.
        var versions = await TwoVersions.CreateAsync(target, from, [to, to], Payload);
        await versions.SwitchAsync(0);
        var frame = versions.Frame(0);
        var template = (await target.ReadAsync("pods"))[0];
        var many = Enumerable.Range(0, 256).Select(i => At(template, i)).ToArray();
        var (quiet, switched, written) = (new List<double>(), new List<double>(), new List<double>());
        var (switches, rows) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Rounds(5, 1); round++)
        {
            quiet.Add((await SendAtFullRateAsync(pair, frame, duration)).Delivered);
            // Rewrites the first version with equal rows, so that every packet can be delivered.
            var (rate, writes) = await WhileAsync(() => SendAtFullRateAsync(pair, frame, duration), () => versions.SwitchAsync(0));
            switched.Add(rate.Delivered);
            switches.Add(writes);
            var insert = true;
            (rate, writes) = await WhileAsync(() => SendAtFullRateAsync(pair, frame, duration), () =>
            {
                var type = insert ? P4.V1.Update.Types.Type.Insert : P4.V1.Update.Types.Type.Delete;
                insert = !insert;
                return target.WriteAsync([.. many.Select(row => (type, row))]);
            });
            if (!insert)
            {
                await target.WriteAsync([.. many.Select(row => (P4.V1.Update.Types.Type.Delete, row))]);
            }

            written.Add(rate.Delivered);
            rows.Add(writes * many.Length);
        }

        var reference = Statistics.Median(quiet);
        report.AddCompared("forwarding: under a stream of Writes of the rows in use (reference: none)", Statistics.Median(switched),
            "packets/s", reference);
        report.Add("forwarding: Writes of the rows in use meanwhile", Statistics.Median(switches), "Writes/s");
        report.AddCompared("forwarding: under a stream of Writes of 256 other rows (reference: none)", Statistics.Median(written),
            "packets/s", reference);
        report.Add("forwarding: other rows written meanwhile", Statistics.Median(rows), "entries/s");
    }

    private static P4.V1.TableEntry At(P4.V1.TableEntry template, int i)
    {
        var row = template.Clone();
        row.Match[0].Exact.Value = Google.Protobuf.ByteString.CopyFrom(10, 99, (byte)(i >> 8), (byte)i);
        return row;
    }

    /// <returns>The measured load, and the number of acknowledged Writes per second.</returns>
    private static async Task<(Measure Load, double Writes)> WhileAsync(Func<Task<Measure>> load, Func<Task> write)
    {
        var running = Task.Run(load);
        var started = Stopwatch.GetTimestamp();
        var writes = 0;
        for (; !running.IsCompleted; writes++)
        {
            await write();
        }

        return (await running, writes / Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static async Task<(End From, End To)> PairAsync(Lab lab, CniHarness harness, string name)
    {
        var ends = new List<End>();
        foreach (var side in new[] { "a", "b" })
        {
            var netns = await lab.AddNamespaceAsync(name + side);
            var (_, result) = await harness.AddAsync(netns, name + side);
            using var ns = NetNamespace.OpenNamed(netns);
            using var links = RouteNetlink.Open(ns);
            ends.Add(new End(netns, links.GetLink("eth0")!.Mac, result["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0]));
        }

        return (ends[0], ends[1]);
    }

    private static async Task<Measure> SendAtFullRateAsync((End From, End To) pair, byte[] frame, TimeSpan duration)
    {
        var before = await ReceivedAsync(pair.To);
        var (sent, seconds) = await Task.Factory.StartNew(() => Send(pair.From, frame, duration), TaskCreationOptions.LongRunning);
        // Waits for packets still queued at the soft target, a small part of those sent.
        var last = await ReceivedAsync(pair.To);
        while (true)
        {
            await Task.Delay(20);
            var now = await ReceivedAsync(pair.To);
            if (now == last)
            {
                break;
            }

            last = now;
        }

        var delivered = last - before;
        return delivered > 0
            ? new Measure(sent / seconds, delivered / seconds)
            : throw new InvalidOperationException($"none of {sent} packets from {pair.From.Address} reached {pair.To.Address}");
    }

    private static (long Sent, double Seconds) Send(End from, byte[] frame, TimeSpan duration)
    {
        using var ns = NetNamespace.OpenNamed(from.Namespace);
        using var port = PacketPort.Open(ns, "eth0");
        using var batch = new PacketBatch();
        using var sender = port.CreateSender(64);
        frame.CopyTo(batch.Buffer(0)[batch.Headroom..]);
        batch.SetFrame(0, batch.Headroom, frame.Length);
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            for (var i = 0; i < sender.Capacity; i++)
            {
                sender.Add(batch, 0);
            }

            sender.Flush();
        }

        return (port.Sent, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static async Task<long> ReceivedAsync(End end)
    {
        var result = await Shell.RunLineAsync(end.Namespace, "ip -j -s link show eth0").Succeeded();
        return JsonNode.Parse(result.Output)![0]!["stats64"]!["rx"]!["packets"]!.GetValue<long>();
    }

    private sealed record End(string Namespace, MacAddress Mac, string Address);

    private sealed record Measure(double Sent, double Delivered);
}
