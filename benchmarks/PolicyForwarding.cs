using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.Benchmarks;

/// <summary>Datagrams between pods that policies isolate in both directions, compared with pods that none selects, on our engine.</summary>
internal static class PolicyForwarding
{
    public static void Run(BenchOptions options, Report report)
    {
        var text = File.ReadAllText(Path.Combine(PodEntries.PipelineDirectory, "k8s_dp.spec"));
        var program = SwxProgram.Parse(text);
        var frames = EngineFrames.Datagrams();
        using var judged = new EngineRun(program, frames, isIsolated: true);
        using var free = new EngineRun(program, frames);
        var (rate, freeRate) = EngineRun.Alternate(judged, free, options);

        report.AddCompared("policy: instructions of a datagram between isolated pods (reference: no policy)",
            EngineRun.Instructions(text, frames, isIsolated: true), "instructions/packet", EngineRun.Instructions(text, frames));
        report.AddCompared("policy: datagrams between isolated pods (reference: no policy)", rate, "packets/s", freeRate);
    }
}
