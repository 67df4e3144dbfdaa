using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using ACCOffload.TestKit;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Writes entries of the table `pods` over P4Runtime to a soft target in a separate process, one per Write and in batches.
/// </summary>
internal static class TableProgramming
{
    // The size of `pods` is 16,384.
    private const int Entries = 16_000;
    private static readonly int[] BatchSizes = [64, 256, 1024, 4096];

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await lab.StartTargetAsync();
        await using var session = await ConnectAsync(new TargetEndpoint { Address = $"unix:{lab.TargetSocket}" });
        var entries = PodEntries.Make(session.Pipeline!, Entries);
        var inserts = entries.Select(entry => new EntryUpdate(UpdateKind.Insert, entry)).ToArray();
        var deletes = entries.Select(entry => new EntryUpdate(UpdateKind.Delete, entry)).ToArray();
        var singles = options.Rounds(1000, 200);

        // Warm-up for the just-in-time compiler and the buffers.
        await RoundAsync(session, inserts, deletes, 256);
        var single = new List<double>();
        var batched = BatchSizes.ToDictionary(size => size, _ => new List<Measure>());
        for (var round = 0; round < options.Rounds(7, 1); round++)
        {
            single.Add((await RoundAsync(session, inserts.AsMemory(0, singles), deletes.AsMemory(0, singles), 1)).Rate);
            foreach (var size in BatchSizes)
            {
                batched[size].Add(await RoundAsync(session, inserts, deletes, size));
            }
        }

        var one = Statistics.Median(single);
        report.Add("tables: 1 entry per Write", one, "entries/s");
        var best = BatchSizes.MaxBy(size => Statistics.Median(batched[size].Select(measure => measure.Rate)));
        foreach (var size in BatchSizes)
        {
            report.AddRatioAtLeast($"tables: {size} entries per Write", Statistics.Median(batched[size].Select(measure => measure.Rate)),
                "entries/s", one, 20);
        }

        report.AddAtLeast($"tables: best batch ({best})", Statistics.Median(batched[best].Select(measure => measure.Rate)),
            "entries/s", 200_000);
        report.Add($"tables: inserts alone, batch {best}", Statistics.Median(batched[best].Select(measure => measure.InsertRate)),
            "entries/s");
        await OverTlsAsync(lab, options, report, best, Statistics.Median(batched[best].Select(measure => measure.Rate)));
        report.Add("tables: allocated by the client", Statistics.Median(batched[best].Select(measure => measure.Allocated)), "bytes/entry");
    }

    /// <summary>Repeats the measurement over TCP with mutual TLS, at the best batch size, to show the cost of encryption.</summary>
    private static async Task OverTlsAsync(Lab lab, BenchOptions options, Report report, int batch, double overSocket)
    {
        var listen = $"127.0.0.1:{FreePort()}";
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(lab.ManagerConfig))!.AsObject();
        configuration.Set("SoftTarget:Listen", listen).WithCertificates("SoftTarget", $"{lab.Pki}/p4rt-server");
        await File.WriteAllTextAsync(lab.At("tls.json"), configuration.ToJsonString());
        await using var target = new BackgroundProcess(null, Published.InfraManager, ["soft-target", "--config", lab.At("tls.json")]);
        await using var session = await ConnectAsync(new TargetEndpoint
        {
            Address = $"https://{listen}",
            CertificateFile = $"{lab.Pki}/p4rt-client/tls.crt",
            KeyFile = $"{lab.Pki}/p4rt-client/tls.key",
            CaFile = $"{lab.Pki}/p4rt-client/ca.crt",
        });
        var entries = PodEntries.Make(session.Pipeline!, Entries);
        var inserts = entries.Select(entry => new EntryUpdate(UpdateKind.Insert, entry)).ToArray();
        var deletes = entries.Select(entry => new EntryUpdate(UpdateKind.Delete, entry)).ToArray();
        await RoundAsync(session, inserts, deletes, batch);
        var rates = new List<double>();
        for (var round = 0; round < options.Rounds(7, 1); round++)
        {
            rates.Add((await RoundAsync(session, inserts, deletes, batch)).Rate);
        }

        report.AddCompared($"tables: over TCP with mutual TLS, batch {batch} (reference: unix socket)", Statistics.Median(rates),
            "entries/s", overSocket);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<P4RuntimeSession> ConnectAsync(TargetEndpoint endpoint)
    {
        var artifacts = PipelineArtifacts.Load(PodEntries.PipelineDirectory);
        var session = new P4RuntimeSession(new P4RuntimeSessionOptions { Endpoint = endpoint }, NullLogger.Instance);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        session.Start();
        await session.WaitForPrimaryAsync(limit.Token);
        await session.EnsurePipelineAsync(artifacts.Pipeline, artifacts.DeviceConfig, artifacts.Cookie, canReplace: true,
            beforePush: null, limit.Token);
        return session;
    }

    private static async Task<Measure> RoundAsync(P4RuntimeSession session, ReadOnlyMemory<EntryUpdate> inserts,
        ReadOnlyMemory<EntryUpdate> deletes, int batch)
    {
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var inserting = await WriteAsync(session, inserts, batch);
        var deleting = await WriteAsync(session, deletes, batch);
        var count = inserts.Length + deletes.Length;
        return new Measure(
            count / (inserting + deleting), inserts.Length / inserting,
            (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)count);
    }

    /// <summary>Writes all updates in batches and returns the time in seconds.</summary>
    public static async Task<double> WriteAsync(P4RuntimeSession session, ReadOnlyMemory<EntryUpdate> updates, int batch,
        CancellationToken cancellationToken = default)
    {
        var started = Stopwatch.GetTimestamp();
        for (var at = 0; at < updates.Length; at += batch)
        {
            var result = await session.WriteAsync(updates.Slice(at, Math.Min(batch, updates.Length - at)), cancellationToken);
            if (!result.AllOk)
            {
                throw new InvalidOperationException($"the target rejected a Write: {result}");
            }
        }

        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <param name="Rate">Inserts and deletes, entries/s.</param>
    /// <param name="InsertRate">Inserts alone, entries/s.</param>
    /// <param name="Allocated">Bytes per entry allocated by this process.</param>
    private sealed record Measure(double Rate, double InsertRate, double Allocated);
}
