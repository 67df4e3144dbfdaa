using System.Diagnostics;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>A node with 250 endpoints: attach rate, memory of the control plane, and its restart while the target keeps running.</summary>
internal static class Restart
{
    private const int Endpoints = 250;
    private const int Concurrent = 32;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await lab.StartTargetAsync();
        await lab.StartManagerAsync();
        report.Add("restart: VmRSS of inframanager, empty", BenchNode.ResidentMegabytes(lab.Manager!.Id), "MB");

        using (var channel = Channels.Offload(lab))
        {
            // The first request is warm-up.
            await new Offload.OffloadClient(channel).StatusAsync(new StatusRequest(), deadline: BenchNode.Deadline());
        }

        var attaching = Stopwatch.GetTimestamp();
        await BenchNode.AttachAsync(lab, Endpoints, Concurrent);
        report.Add($"restart: Attach over mTLS, {Concurrent} at once", Endpoints / Stopwatch.GetElapsedTime(attaching).TotalSeconds,
            "endpoints/s");

        report.AddAtMost($"restart: VmRSS of inframanager, {Endpoints} endpoints attached",
            BenchNode.ResidentMegabytes(lab.Manager.Id), "MB", 128);
        var restart = await BenchNode.RestartAsync(
            lab, options.Rounds(7, 1),
            () => BenchNode.StatusAsync(
                lab, s => s is { CanAttach: true, Reconciled: true, Endpoints: Endpoints }, TimeSpan.FromSeconds(60)));
        report.AddAtMost($"restart: process to {Endpoints} endpoints read back and verified", restart, "ms", 3000);
        report.AddAtMost("restart: VmRSS of inframanager, after a restart", BenchNode.ResidentMegabytes(lab.Manager.Id), "MB", 128);
    }
}
