using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.TestKit;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Benchmarks;

/// <summary>The time from the start of the process to READY=1, with an empty store and the embedded soft target.</summary>
internal static class ColdStart
{
    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var path = lab.At("notify");
        notify.Bind(new UnixDomainSocketEndPoint(path));
        var times = new List<double>();
        var rounds = options.Rounds(11, 2);
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var file in Directory.GetFiles(lab.Folder, "inframanager.db*"))
            {
                File.Delete(file);
            }

            var started = Stopwatch.GetTimestamp();
            await using var process = new BackgroundProcess(
                lab.AccNamespace, Published.InfraManager, ["run", "--config", lab.ManagerConfig],
                new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });
            await ReadyAsync(notify, process);
            // The first round is warm-up: it loads the executable from disk.
            if (round > 0)
            {
                times.Add(Statistics.Milliseconds(started));
            }

            await process.StopAsync();
        }

        report.AddAtMost("start: process to READY, empty store", Statistics.Median(times), "ms", 100);
    }

    private static async Task ReadyAsync(Socket notify, BackgroundProcess process)
    {
        var buffer = new byte[4096];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            // Messages of an earlier process may still be queued, but only a start sends READY.
            while (true)
            {
                var length = await notify.ReceiveAsync(buffer, limit.Token);
                if (Encoding.UTF8.GetString(buffer, 0, length).Contains("READY=1", StringComparison.Ordinal))
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"InfraManager did not become ready; its log:\n{process.Log}");
        }
    }
}
