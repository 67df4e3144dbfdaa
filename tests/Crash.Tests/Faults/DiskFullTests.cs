using System.Text.Json.Nodes;
using ACCOffload.Crash.Tests.Pods;
using ACCOffload.Crash.Tests.Rpc;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using Grpc.Core;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>
/// The store's disk is full: requests that can't be stored are rejected with a one-line error, acknowledged ones hold, and freeing space is
/// enough to continue.
/// </summary>
public sealed class DiskFullTests
{
    [Fact]
    public async Task InfraManager_rejects_requests_while_its_disk_is_full()
    {
        Needs.Lab();
        SmallDisk? disk = null;
        await using var node = await RpcNode.StartAsync((lab, config) =>
        {
            disk = SmallDisk.MountAsync(lab.At("store")).GetAwaiter().GetResult();
            config["Store"]!["Path"] = lab.At("store/inframanager.db");
        });
        await using var mounted = disk!;
        var held = new HashSet<PodSpec>();
        for (var i = 0; i < 20; i++)
        {
            held.Add(await AttachAsync(node, i, 0));
        }

        disk!.Fill();
        RpcException? refused = null;
        for (var i = 20; refused is null; i++)
        {
            // Requests that still fit into the log are accepted and must hold.
            Assert.True(i < 2000, "the disk did not fill up");
            try
            {
                held.Add(await AttachAsync(node, i, 0));
            }
            catch (RpcException e)
            {
                refused = e;
            }
        }

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Contains("disk is full", refused.Status.Detail);
        Assert.Contains(disk.Path, refused.Status.Detail);
        Assert.DoesNotContain('\n', refused.Status.Detail);
        // The next commit clears the problem, and it may already succeed when it undoes the failed request. So let a request fail before
        // each check.
        await Eventually.TrueAsync(
            async () =>
            {
                await Assert.ThrowsAsync<RpcException>(() => AttachAsync(node, 5001, 0));
                return ((string)(await node.Lab.ControlAsync("status"))["storeProblem"]!).Contains("disk is full",
                    StringComparison.Ordinal);
            },
            "ctl status reports the problem");

        // Many concurrent requests of all kinds: each is rejected and leaves nothing on the target.
        var operations = Enumerable.Range(0, 60).Select(i => i % 3 == 0
            ? new Operation(PodSpec.IdOf(i % 20), null, node.NextSequence())
            : new Operation(PodSpec.IdOf(i * 50), PodSpec.Of(i * 50, 1), node.NextSequence())).ToList();
        await Task.WhenAll(operations.Select((o, i) => node.SendAsync(o, i)));
        Assert.All(operations, o => Assert.Equal(Answer.Refused, o.Answer));
        await AssertEndpointsAsync(node, held);

        // After a restart it may either serve or exit with the reason, but it must not lose anything.
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync(waitReady: false);
        await Eventually.TrueAsync(
            async () => node.Lab.Manager!.HasExited || await node.Lab.TryControlAsync("status") is not null,
            () => $"it serves or has exited:\n{node.Lab.Manager!.Log}");
        if (node.Lab.Manager!.HasExited)
        {
            Assert.Contains("disk is full", node.Lab.Manager.Log);
            disk.Free();
            await node.Lab.StartManagerAsync(waitReady: false);
            await node.SettledAsync();
        }
        else
        {
            await node.SettledAsync();
            await AssertEndpointsAsync(node, held);
            disk.Free();
        }

        var running = node.Lab.Manager!.Id;
        held.Add(await AttachAsync(node, 5000, 2));
        Assert.True(await node.DetachAsync(PodSpec.Of(0, 0)));
        held.Remove(PodSpec.Of(0, 0));
        await AssertEndpointsAsync(node, held);
        Assert.Equal(running, node.Lab.Manager!.Id);
        await Eventually.TrueAsync(async () => (string?)(await node.Lab.ControlAsync("status"))["storeProblem"] == "",
            "the problem is cleared");
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync(waitReady: false);
        await node.SettledAsync();
        await AssertEndpointsAsync(node, held);
    }

    [Fact]
    public async Task InfraManager_continues_when_space_is_freed()
    {
        Needs.Lab();
        SmallDisk? disk = null;
        await using var node = await RpcNode.StartAsync((lab, config) =>
        {
            disk = SmallDisk.MountAsync(lab.At("store")).GetAwaiter().GetResult();
            config["Store"]!["Path"] = lab.At("store/inframanager.db");
        }, services: true);
        await using var mounted = disk!;
        var rounds = new RpcRounds(node, RunSettings.Seed);
        var process = node.Lab.Manager!.Id;
        for (var i = 0; i < 3; i++)
        {
            // The disk fills up during a burst of requests and has space again for the following Sync.
            await rounds.RunAsync(i, Victims.None, injectFault: disk!.Fill, removeFault: disk!.Free);
        }

        Assert.Equal(process, node.Lab.Manager!.Id);
        Assert.False(node.Lab.Manager.HasExited);
    }

    [Fact]
    public async Task The_agent_rejects_pods_while_its_disk_is_full()
    {
        Needs.Lab();
        SmallDisk? disk = null;
        await using var node = await PodNode.StartAsync(3, lab =>
        {
            disk = SmallDisk.MountAsync(lab.At("store")).GetAwaiter().GetResult();
            lab.ChangeAgentConfig(config =>
            {
                config["Agent"]!["Store"] = lab.At("store/host-stub.db");
                config["Agent"]!["VanishedSeconds"] = 1;
            });
        });
        await using var mounted = disk!;
        var lab = node.Lab;
        var process = lab.Agent!.Id;
        var runtime = new FakeRuntime(lab);
        var kept = await runtime.AddAsync(node.Namespaces[0]);
        var leaving = await runtime.AddAsync(node.Namespaces[1]);

        disk!.Fill();
        // ADDs that still fit are accepted and deleted again, because the namespace is reused.
        var refused = new Pod("refused", node.Namespaces[2], "refused-0");
        ShellResult add;
        for (var i = 0; (add = await lab.PluginAsync("ADD", refused)).ExitCode == 0; i++)
        {
            Assert.True(i < 500, "the disk did not fill up");
            await lab.PluginAsync("DEL", refused);
            refused = new Pod("refused", node.Namespaces[2], $"refused-{i + 1}");
        }

        var error = JsonNode.Parse(add.Output)!;
        Assert.Equal(5, (int)error["code"]!);
        Assert.Contains("full", $"{error["msg"]} {error["details"]}");
        Assert.DoesNotContain('\n', (string)error["msg"]!);
        Assert.Equal(["lo"], await LabState.LinksAsync(node.Namespaces[2]));
        Assert.DoesNotContain(LabState.Leases(lab),
            lease => File.ReadAllText(lab.At($"ipam/{lease}")).Contains(refused.ContainerId, StringComparison.Ordinal));
        Assert.True(await Lab.PingAsync(kept.Namespace, leaving.Address), "existing pods do not reach each other");

        // A DEL works although nothing can be recorded. Killing the agent before space is freed leads to the same state.
        await runtime.DeleteAsync(leaving);
        await lab.RemoveNamespaceAsync(leaving.Namespace);
        Assert.DoesNotContain(LabState.Leases(lab),
            lease => File.ReadAllText(lab.At($"ipam/{lease}")).Contains(leaving.ContainerId, StringComparison.Ordinal));
        Assert.Equal(process, lab.Agent!.Id);
        await lab.Agent.KillAsync();
        disk.Free();
        await lab.StartAgentAsync();
        await runtime.DeleteAsync(refused);
        await node.SettledAsync();
        await node.AssertExactlyAsync([kept]);

        // The same without a restart.
        process = lab.Agent!.Id;
        disk.Fill();
        while ((add = await lab.PluginAsync("ADD", refused)).ExitCode == 0)
        {
            await lab.PluginAsync("DEL", refused);
        }

        disk.Free();
        await runtime.DeleteAsync(refused);
        var added = await runtime.AddAsync(node.Namespaces[2]);
        Assert.True(await Lab.PingAsync(added.Namespace, kept.Address), "a new pod does not reach the others");
        await node.SettledAsync();
        await node.AssertExactlyAsync([kept, added]);
        await runtime.DeleteAsync(kept);
        await runtime.DeleteAsync(added);
        await node.SettledAsync();
        await node.AssertExactlyAsync([]);
        Assert.Equal(process, lab.Agent!.Id);
        Assert.False(lab.Agent.HasExited);
    }

    private static async Task<PodSpec> AttachAsync(RpcNode node, int slot, int variant)
    {
        var spec = PodSpec.Of(slot, variant);
        await node.AttachAsync(spec);
        return spec;
    }

    private static async Task AssertEndpointsAsync(RpcNode node, HashSet<PodSpec> held)
    {
        Assert.True(held.SetEquals(await node.EndpointsAsync()), "endpoints differ from the acknowledged ones");
        await node.SettledAsync();
        await node.AssertTablesEqualAsync(held);
    }
}
