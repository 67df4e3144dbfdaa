using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using ACCOffload.TestKit.Targets;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Writes 10,000 rows of `pods` to P4-DPDK targets, in Writes of 4,096: to a server that behaves like infrap4d, without its commit times,
/// and to a real infrap4d if ACCOFFLOAD_TEST_INFRAP4D contains its command.
/// </summary>
internal static class Infrap4dProgramming
{
    /// <summary>
    /// The command that runs <see cref="MeasureAsync"/> in a child process, in the namespace from which the target is reachable.
    /// </summary>
    public const string Child = "measure-infrap4d";

    private const int Entries = 10_000;
    private const int ByKey = 1000;
    private const int Batch = 4096;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        var folder = Directory.CreateTempSubdirectory("accoffload-bench-").FullName;
        try
        {
            await using var faithful =
                await FaithfulServer.StartAsync(new FaithfulOptions { SocketPath = Path.Combine(folder, "p4.sock") });
            var endpoint = new TargetEndpoint { Address = faithful.Address };
            Add(report, "faithful server", await MeasureAsync(endpoint, endpoint));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        if (RealNodeTarget.Command is not null)
        {
            Add(report, "real infrap4d", await MeasureRealAsync());
        }
    }

    /// <summary>Prints the times in seconds of inserting, reading, reading by key and deleting.</summary>
    /// <param name="arguments">The addresses of P4Runtime and gNMI, certificate, key and CA.</param>
    public static async Task<int> MeasureChildAsync(string[] arguments)
    {
        TargetEndpoint Endpoint(string address) =>
            new()
            {
                Address = address,
                CertificateFile = arguments[2],
                KeyFile = arguments[3],
                CaFile = arguments[4],
                ServerName = "localhost"
            };
        var times = await MeasureAsync(Endpoint(arguments[0]), Endpoint(arguments[1]));
        await Console.Out.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{times.Insert} {times.Read} {times.ReadByKey} {times.Delete}"));
        return 0;
    }

    private static async Task<Times> MeasureAsync(TargetEndpoint p4Runtime, TargetEndpoint gnmi)
    {
        var artifacts = PipelineArtifacts.Load(PodEntries.PipelineDirectory);
        await using var ports = new GnmiClient(gnmi);
        await using var session = new P4RuntimeSession(
            new P4RuntimeSessionOptions { Endpoint = p4Runtime, RpcTimeout = TimeSpan.FromSeconds(60) }, NullLogger.Instance);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(240));
        session.Start();
        await session.WaitForPrimaryAsync(limit.Token);
        await session.EnsurePipelineAsync(
            artifacts.Pipeline,
            artifacts.DeviceConfig,
            artifacts.Cookie,
            canReplace: false,
            async ct =>
            {
                foreach (var name in new[] { "TAP0", "TAP1" })
                {
                    await ports.AddPortAsync(name, P4Target.TapAttributes(1500), ct);
                }
            },
            limit.Token);
        var entries = PodEntries.Make(session.Pipeline!, Entries);
        var insert = await WriteAsync(UpdateKind.Insert);
        var started = Stopwatch.GetTimestamp();
        var rows = 0;
        await foreach (var _ in session.ReadTableAsync(session.Pipeline!.Table("pods"), limit.Token))
        {
            rows++;
        }

        var read = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (rows != Entries)
        {
            throw new InvalidOperationException($"read back {rows} of {Entries} rows");
        }

        started = Stopwatch.GetTimestamp();
        rows = 0;
        await foreach (var _ in session.ReadEntriesAsync([.. entries.Take(ByKey).Select(e => e.Key)], limit.Token))
        {
            rows++;
        }

        var readByKey = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (rows != ByKey)
        {
            throw new InvalidOperationException($"read back {rows} of {ByKey} rows by key");
        }

        return new Times(insert, read, readByKey, await WriteAsync(UpdateKind.Delete));

        Task<double> WriteAsync(UpdateKind kind) =>
            TableProgramming.WriteAsync(session, entries.Select(entry => new EntryUpdate(kind, entry)).ToArray(), Batch, limit.Token);
    }

    private static async Task<Times> MeasureRealAsync()
    {
        await using var target = new RealNodeTarget();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        var section = new JsonObject();
        await target.PrepareAsync(lab, section);
        await target.StartAsync();
        string Of(string key) => (string)section[key]!;
        var output = await Shell.RunAsync(
            lab.AccNamespace,
            "dotnet",
            [typeof(Program).Assembly.Location, Child, Of("P4Runtime"), Of("Gnmi"), Of("CertificateFile"), Of("KeyFile"), Of("CaFile")],
            limit: TimeSpan.FromSeconds(300));
        // Stop infrap4d before the lab removes its namespace.
        await target.DisposeAsync();
        var numbers = output.MustSucceed().Output.Trim().Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        return new Times(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    private static void Add(Report report, string target, Times seconds)
    {
        report.Add($"infrap4d: {target}, 10,000 rows inserted", Entries / seconds.Insert, "entries/s");
        report.Add($"infrap4d: {target}, 10,000 rows read back", Entries / seconds.Read, "entries/s");
        report.Add($"infrap4d: {target}, 1,000 of them read back by their keys", ByKey / seconds.ReadByKey, "entries/s");
        report.Add($"infrap4d: {target}, 10,000 rows deleted", Entries / seconds.Delete, "entries/s");
    }

    /// <summary>Times in seconds.</summary>
    private sealed record Times(double Insert, double Read, double ReadByKey, double Delete);
}
