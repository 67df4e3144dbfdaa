using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Compares the committed pipeline with another version on our engine, alternating, to show the cost of a change to p4src: datagrams from
/// pod to pod, and a tracked connection through a service.
/// </summary>
internal static class Pipelines
{
    public static async Task RunAsync(BenchOptions options, Report report)
    {
        if (options.Against is null)
        {
            return;
        }

        var text = await File.ReadAllTextAsync(Path.Combine(PodEntries.PipelineDirectory, "k8s_dp.spec"));
        var otherText = await File.ReadAllTextAsync(options.Against);
        var (now, other) = (SwxProgram.Parse(text), SwxProgram.Parse(otherText));
        foreach (var (name, frames) in new[] { ("datagrams from pod to pod", EngineFrames.Datagrams()),
            ("a connection through a service", EngineFrames.Connection()) })
        {
            using var ours = new EngineRun(now, frames);
            using var theirs = new EngineRun(other, frames);
            var (rate, otherRate) = EngineRun.Alternate(ours, theirs, options);
            report.AddCompared($"pipeline: instructions of {name}", EngineRun.Instructions(text, frames), "instructions/packet",
                EngineRun.Instructions(otherText, frames));
            report.AddRatioAtLeast($"pipeline: {name} (reference: {Path.GetFileName(options.Against)})", rate,
                "packets/s", otherRate, 0.9);
        }
    }
}
