using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.Benchmarks.Nodes;

/// <summary>A node that runs without the agent: the benchmark attaches its endpoints itself.</summary>
internal static class BenchNode
{
    /// <summary>Attaches endpoints without creating their links; their ports on the target wait for the links.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="endpoints">How many.</param>
    /// <param name="parallel">How many at once.</param>
    /// <param name="podOf">Namespace and name of the pod of each; null for pods of the namespace "default".</param>
    public static async Task AttachAsync(
        Lab lab, int endpoints, int parallel, Func<int, (string Namespace, string Name)>? podOf = null)
    {
        podOf ??= i => ("default", $"bench-{i}");
        using var channel = Channels.Offload(lab);
        var client = new Offload.OffloadClient(channel);
        var epoch = (await client.BeginAsync(new BeginRequest { Agent = "bench" }, deadline: Deadline())).Epoch;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, endpoints), new ParallelOptions { MaxDegreeOfParallelism = parallel },
            async (i, cancellation) => await client.AttachAsync(
                Request(i, epoch, podOf(i)), deadline: Deadline(), cancellationToken: cancellation));
    }

    /// <summary>Lets InfraManager watch an API server from its next start.</summary>
    public static void Watch(Lab lab, FakeApiServer api, TestPki pki)
    {
        File.WriteAllText(lab.At("kubeconfig"), KubeconfigText.Of(api.Address, pki.Authority));
        lab.ChangeManagerConfig(c => c["Kubernetes"] = new JsonObject { ["Kubeconfig"] = lab.At("kubeconfig") });
    }

    /// <summary>Waits for a status that satisfies the condition.</summary>
    public static async Task<GetStatusReply> StatusAsync(Lab lab, Func<GetStatusReply, bool> isWanted, TimeSpan limit)
    {
        using var channel = Channels.Control(lab);
        var client = new Control.ControlClient(channel);
        var started = Stopwatch.GetTimestamp();
        GetStatusReply? status = null;
        while (Stopwatch.GetElapsedTime(started) < limit && !lab.Manager!.HasExited)
        {
            if (File.Exists(lab.ControlSocket))
            {
                try
                {
                    status = await client.GetStatusAsync(new GetStatusRequest(), deadline: Deadline());
                    if (isWanted(status))
                    {
                        return status;
                    }
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // InfraManager does not listen yet.
                }
            }

            await Task.Delay(2);
        }

        throw new TimeoutException($"InfraManager did not reach the expected status; last status: {status}; its log:\n{lab.Manager!.Log}");
    }

    /// <summary>Restarts InfraManager while the target keeps running.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="verified">Waits until the rows are read back and verified; this is measured.</param>
    /// <param name="settled">Waits until nothing is left to do; null if that is the same.</param>
    /// <returns>Milliseconds from the process's start, the median.</returns>
    /// <exception cref="InvalidOperationException">A restart wrote rows.</exception>
    public static async Task<double> RestartAsync(
        Lab lab, int rounds, Func<Task<GetStatusReply>> verified, Func<Task<GetStatusReply>>? settled = null)
    {
        var times = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            await lab.StopManagerAsync();
            var started = Stopwatch.GetTimestamp();
            await lab.StartManagerAsync(waitReady: false);
            var status = await verified();
            times.Add(Statistics.Milliseconds(started));
            if (settled is not null)
            {
                status = await settled();
            }

            if (status.UpdatesSent != 0)
            {
                throw new InvalidOperationException($"the restart rewrote {status.UpdatesSent} existing rows");
            }
        }

        return Statistics.Median(times);
    }

    public static double ResidentMegabytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    public static DateTime Deadline() => DateTime.UtcNow.AddSeconds(60);

    private static AttachRequest Request(int i, ulong epoch, (string Namespace, string Name) pod) => new()
    {
        Key = new AttachmentKey { Network = "podnet", ContainerId = $"bench-{i}", InterfaceName = "eth0" },
        Kind = EndpointKind.Pod,
        Device = new Device { Kind = "veth", PortName = $"acc{i:x11}", Mac = ByteString.CopyFrom(2, 0, 0, 0, 1, (byte)i) },
        Addresses = { ByteString.CopyFrom(IPAddress.Parse($"10.244.1.{i + 2}").GetAddressBytes()) },
        Mtu = 1500,
        PodNamespace = pod.Namespace,
        PodName = pod.Name,
        Epoch = epoch,
        Sequence = (ulong)i + 1,
    };
}
