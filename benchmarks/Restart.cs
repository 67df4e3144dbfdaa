using System.Diagnostics;
using System.Globalization;
using System.Net;
using ACCOffload.Integration.Lab;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.Benchmarks;

/// <summary>A node with 250 endpoints: attaching them, the memory of the control plane, and its restart while the target stays.</summary>
internal static class Restart
{
    private const int Endpoints = 250;
    private const int Parallel = 32;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await lab.StartTargetAsync();
        await lab.StartManagerAsync();
        report.Add("restart: VmRSS of inframanager, empty", ResidentMegabytes(lab.Manager!.Id), "MB");

        using (var channel = Channels.Offload(lab))
        {
            var client = new Offload.OffloadClient(channel);
            // The connection and the first request are not what is measured.
            await client.StatusAsync(new StatusRequest(), deadline: Deadline());
            var started = Stopwatch.GetTimestamp();
            await System.Threading.Tasks.Parallel.ForEachAsync(
                Enumerable.Range(0, Endpoints), new ParallelOptions { MaxDegreeOfParallelism = Parallel },
                async (i, cancellation) => await client.AttachAsync(Request(i), deadline: Deadline(), cancellationToken: cancellation));
            report.Add($"restart: Attach over mTLS, {Parallel} at once", Endpoints / Stopwatch.GetElapsedTime(started).TotalSeconds, "endpoints/s");
        }

        report.AddAtMost($"restart: VmRSS of inframanager, {Endpoints} endpoints attached", ResidentMegabytes(lab.Manager.Id), "MB", 128);
        var times = new List<double>();
        for (var round = 0; round < options.Rounds(7, 1); round++)
        {
            await lab.StopManagerAsync();
            var started = Stopwatch.GetTimestamp();
            await lab.StartManagerAsync(waitReady: false);
            var status = await ReconciledAsync(lab);
            times.Add(Statistics.Milliseconds(started));
            if (status.UpdatesSent != 0)
                throw new InvalidOperationException($"the restart wrote {status.UpdatesSent} rows that were there");
        }

        report.AddAtMost($"restart: process to {Endpoints} endpoints read back and verified", Statistics.Median(times), "ms", 3000);
        report.AddAtMost("restart: VmRSS of inframanager, after a restart", ResidentMegabytes(lab.Manager.Id), "MB", 128);
    }

    private static async Task<GetStatusReply> ReconciledAsync(Lab lab)
    {
        using var channel = Channels.Control(lab);
        var client = new Control.ControlClient(channel);
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60) && !lab.Manager!.HasExited)
        {
            if (File.Exists(lab.ControlSocket))
            {
                try
                {
                    var status = await client.GetStatusAsync(new GetStatusRequest(), deadline: Deadline());
                    if (status is { Ready: true, Reconciled: true, Endpoints: Endpoints })
                        return status;
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // Not yet listening.
                }
            }

            await Task.Delay(2);
        }

        throw new TimeoutException($"inframanager did not get reconciled; its log:\n{lab.Manager!.Log}");
    }

    private static AttachRequest Request(int i) => new()
    {
        Key = new AttachmentKey { Network = "podnet", ContainerId = $"bench-{i}", InterfaceName = "eth0" },
        Kind = EndpointKind.Pod,
        // No such link: the port waits for it, which is the target's affair.
        Device = new Device { Kind = "veth", PortName = $"acc{i:x11}", Mac = ByteString.CopyFrom(2, 0, 0, 0, 1, (byte)i) },
        Addresses = { ByteString.CopyFrom(IPAddress.Parse($"10.244.1.{i + 2}").GetAddressBytes()) },
        Mtu = 1500,
        PodNamespace = "default",
        PodName = $"bench-{i}",
        Epoch = 1,
        Sequence = (ulong)i + 1,
    };

    private static double ResidentMegabytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    private static DateTime Deadline() => DateTime.UtcNow.AddSeconds(60);
}
