using ACCOffload.Benchmarks.Measuring;
using ACCOffload.TestKit;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace ACCOffload.Benchmarks.Micro;

/// <summary>Runs BenchmarkDotNet in this process; its own reports are in out/benchmarkdotnet.</summary>
internal static class MicroBenchmarks
{
    public static Task RunAsync(BenchOptions options, Report report)
    {
        var encode = Run<EncodeBenchmarks>(options);
        var generated = Find(encode, nameof(EncodeBenchmarks.GeneratedMessages), null);
        var encoded = Find(encode, nameof(EncodeBenchmarks.Encode), null);
        var built = Find(encode, nameof(EncodeBenchmarks.Build), null);
        report.AddCompared("micro: encode an insert (reference: generated messages)", encoded.Nanoseconds, "ns/entry",
            generated.Nanoseconds);
        report.AddCompared("micro: encode an insert, allocated", encoded.Bytes, "bytes/entry", generated.Bytes);
        report.Add("micro: build an entry", built.Nanoseconds, "ns/entry");
        report.Add("micro: build an entry, allocated", built.Bytes, "bytes/entry");

        var queues = Run<QueueBenchmarks>(options);
        foreach (var producers in new[] { 1, 2, 8 })
        {
            var ours = Find(queues, nameof(QueueBenchmarks.IntentQueue), producers);
            var channel = Find(queues, nameof(QueueBenchmarks.Channel), producers);
            var unbounded = Find(queues, nameof(QueueBenchmarks.Unbounded), producers);
            // The simplest queue within 20 % of the fastest is preferred: at this ratio the channel would replace ours.
            report.AddRatioAtMost($"micro: intent queue, {producers} producers (reference: bounded Channel)", ours.Nanoseconds, "ns/item",
                channel.Nanoseconds, 0.833);
            report.AddCompared($"micro: intent queue, {producers} producers (reference: ConcurrentQueue without bounds)",
                ours.Nanoseconds, "ns/item", unbounded.Nanoseconds);
            report.Add($"micro: intent queue, {producers} producers, allocated", ours.Bytes, "bytes/item");
        }

        return Task.CompletedTask;
    }

    private static Summary Run<T>(BenchOptions options)
    {
        var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(options.Rounds(3, 1))
            .WithIterationCount(options.Rounds(7, 2))
            .WithIterationTime(TimeInterval.FromMilliseconds(options.Rounds(150, 20)));
        var config = ManualConfig.CreateEmpty().AddJob(job).AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(NullLogger.Instance).AddExporter(MarkdownExporter.GitHub)
            .WithArtifactsPath(Path.Combine(Repository.Root, "out", "benchmarkdotnet"));
        var summary = BenchmarkRunner.Run<T>(config);
        return summary.HasCriticalValidationErrors
            ? throw new InvalidOperationException(string.Join("; ", summary.ValidationErrors.Select(error => error.Message)))
            : summary;
    }

    private static (double Nanoseconds, double Bytes) Find(Summary summary, string method, int? producers)
    {
        var found = summary.Reports.Single(report => report.BenchmarkCase.Descriptor.WorkloadMethod.Name == method
            && (producers is null || (int)report.BenchmarkCase.Parameters[nameof(QueueBenchmarks.Producers)] == producers));
        var statistics = found.ResultStatistics ?? throw new InvalidOperationException($"{method} has no result");
        return (statistics.Median, found.GcStats.GetBytesAllocatedPerOperation(found.BenchmarkCase) ?? 0);
    }
}
