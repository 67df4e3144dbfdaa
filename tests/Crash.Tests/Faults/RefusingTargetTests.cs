using ACCOffload.Crash.Tests.Rpc;
using Grpc.Core;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>A target with a full table: only requests that do not fit fail, and they leave nothing behind.</summary>
public sealed class RefusingTargetTests
{
    private const int Room = 40;

    [Fact]
    public async Task Only_the_requests_that_do_not_fit_fail()
    {
        Needs.Lab();
        var folder = Directory.CreateTempSubdirectory("accoffload-small-");
        try
        {
            foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "p4src/build"), "k8s_dp.*"))
            {
                File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            }

            Shrink(Path.Combine(folder.FullName, "k8s_dp.spec"), "pods");
            await using var node = await RpcNode.StartAsync(pipelineDirectory: folder.FullName);

            // All at once: any may be rejected, but as many as fit must succeed.
            var operations = Enumerable.Range(0, 3 * Room)
                .Select(i => new Operation(PodSpec.IdOf(i), PodSpec.Of(i, 0), node.NextSequence())).ToList();
            await Task.WhenAll(operations.Select((o, i) => node.SendAsync(o, i)));
            var held = operations.Where(o => o.Answer == Answer.Acknowledged).Select(o => o.Spec!).ToHashSet();
            Assert.Equal(Room, held.Count);
            Assert.All(operations.Where(o => o.Answer != Answer.Acknowledged), o => Assert.Equal(Answer.Refused, o.Answer));
            await AssertEndpointsAsync(node, held);

            var refused = await Assert.ThrowsAsync<RpcException>(() => node.AttachAsync(PodSpec.Of(5000, 0)));
            Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
            Assert.Contains("pods", refused.Status.Detail);
            Assert.DoesNotContain('\n', refused.Status.Detail);

            // A detach makes room for one more. Wait for it: an attach sent at the same time could still be rejected.
            var detached = held.First();
            Assert.True(await node.DetachAsync(detached));
            held.Remove(detached);
            await node.AttachAsync(PodSpec.Of(5000, 0));
            held.Add(PodSpec.Of(5000, 0));
            await AssertEndpointsAsync(node, held);

            // Rejected requests do not reappear after a restart.
            await node.Lab.KillManagerAsync();
            await node.Lab.StartManagerAsync(waitReady: false);
            await node.SettledAsync();
            await AssertEndpointsAsync(node, held);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Shrink(string spec, string table)
    {
        var text = File.ReadAllText(spec);
        var at = text.IndexOf("\tsize ", text.IndexOf($"table {table} {{", StringComparison.Ordinal), StringComparison.Ordinal);
        var end = text.IndexOf('\n', at);
        File.WriteAllText(spec, $"{text[..at]}\tsize 0x{Room:x}{text[end..]}");
    }

    private static async Task AssertEndpointsAsync(RpcNode node, HashSet<PodSpec> held)
    {
        Assert.True(held.SetEquals(await node.EndpointsAsync()), "endpoints differ from the acknowledged ones");
        await node.AssertTablesEqualAsync(held);
    }
}
