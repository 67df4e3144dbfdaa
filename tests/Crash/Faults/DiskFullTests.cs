using System.Text.Json.Nodes;
using ACCOffload.Crash.Pods;
using ACCOffload.Crash.Rpc;
using ACCOffload.Integration;
using ACCOffload.Integration.Lab;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.Crash.Faults;

/// <summary>No space for the store: what can't be promised is refused in one line, what was promised holds, and space is all that is needed to go on.</summary>
public sealed class DiskFullTests
{
    [RootFact]
    public async Task InfraManagers_store_is_full()
    {
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
            // What still fits into the log is taken, and then holds.
            Assert.True(i < 2000, "the disk is full at last");
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
        // Until something is committed again, and taking back what failed may need no space.
        await Eventually.TrueAsync(
            async () =>
            {
                await Assert.ThrowsAsync<RpcException>(() => AttachAsync(node, 5001, 0));
                return ((string)(await node.Lab.ControlAsync("status"))["storeProblem"]!).Contains("disk is full", StringComparison.Ordinal);
            },
            "ctl status tells of it");

        // Many at once, of all kinds: each is refused, none leaves a trace on the target.
        var operations = Enumerable.Range(0, 60).Select(i => i % 3 == 0
            ? new Operation(PodSpec.IdOf(i % 20), null, node.NextSequence())
            : new Operation(PodSpec.IdOf(i * 50), PodSpec.Of(i * 50, 1), node.NextSequence())).ToList();
        await Task.WhenAll(operations.Select((o, i) => node.SendAsync(o, i)));
        Assert.All(operations, o => Assert.Equal(Answer.Refused, o.Answer));
        await HoldsAsync(node, held);

        // A restart in the middle of it: it may come up or say why it can't, but it forgets nothing.
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync(waitReady: false);
        await Eventually.TrueAsync(
            async () => node.Lab.Manager!.HasExited || await node.Lab.TryControlAsync("status") is not null, () => $"it serves or has ended:\n{node.Lab.Manager!.Log}");
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
            await HoldsAsync(node, held);
            disk.Free();
        }

        var running = node.Lab.Manager!.Id;
        held.Add(await AttachAsync(node, 5000, 2));
        Assert.True((await node.Client(0).DetachAsync(new DetachRequest { Key = PodSpec.KeyOf(PodSpec.IdOf(0)), Epoch = node.Epoch, Sequence = node.NextSequence() })).Removed);
        held.Remove(PodSpec.Of(0, 0));
        await HoldsAsync(node, held);
        Assert.Equal(running, node.Lab.Manager!.Id);
        await Eventually.TrueAsync(async () => (string?)(await node.Lab.ControlAsync("status"))["storeProblem"] == "", "the problem is over");
        await node.Lab.KillManagerAsync();
        await node.Lab.StartManagerAsync(waitReady: false);
        await node.SettledAsync();
        await HoldsAsync(node, held);
    }

    [RootFact]
    public async Task Space_is_all_that_InfraManager_needs_to_go_on()
    {
        SmallDisk? disk = null;
        await using var node = await RpcNode.StartAsync((lab, config) =>
        {
            disk = SmallDisk.MountAsync(lab.At("store")).GetAwaiter().GetResult();
            config["Store"]!["Path"] = lab.At("store/inframanager.db");
        }, services: true);
        await using var mounted = disk!;
        var rounds = new RpcRounds(node, CrashSettings.Seed);
        var process = node.Lab.Manager!.Id;
        for (var i = 0; i < 3; i++)
        {
            // The disk fills under a burst of requests, and has space again for the Sync that follows.
            await rounds.RunAsync(i, Victims.None, disturb: disk!.Fill, mend: disk!.Free);
        }

        Assert.Equal(process, node.Lab.Manager!.Id);
        Assert.False(node.Lab.Manager.HasExited);
    }

    [RootFact]
    public async Task The_agents_store_is_full()
    {
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
        var runtime = new RuntimeImitation(lab);
        var kept = await runtime.AddAsync(node.Namespaces[0]);
        var leaving = await runtime.AddAsync(node.Namespaces[1]);

        disk!.Fill();
        // What still fits is taken; it is deleted at once, as its namespace is needed again.
        var refused = new Pod("refused", node.Namespaces[2], "refused-0");
        ShellResult add;
        for (var i = 0; (add = await lab.PluginAsync("ADD", refused)).ExitCode == 0; i++)
        {
            Assert.True(i < 500, "the disk is full at last");
            await lab.PluginAsync("DEL", refused);
            refused = new Pod("refused", node.Namespaces[2], $"refused-{i + 1}");
        }

        var error = JsonNode.Parse(add.Output)!;
        Assert.Equal(5, (int)error["code"]!);
        Assert.Contains("full", $"{error["msg"]} {error["details"]}");
        Assert.DoesNotContain('\n', (string)error["msg"]!);
        Assert.Equal(["lo"], await Traces.LinksAsync(node.Namespaces[2]));
        Assert.DoesNotContain(Traces.Leases(lab), lease => File.ReadAllText(lab.At($"ipam/{lease}")).Contains(refused.ContainerId, StringComparison.Ordinal));
        Assert.True(await Lab.PingAsync(kept.Namespace, leaving.Address), "what was there works");

        // A DEL frees what it names although nothing can be recorded, and a restart before there is room ends in the same state.
        await runtime.DeleteAsync(leaving);
        await lab.RemoveNamespaceAsync(leaving.Namespace);
        Assert.DoesNotContain(Traces.Leases(lab), lease => File.ReadAllText(lab.At($"ipam/{lease}")).Contains(leaving.ContainerId, StringComparison.Ordinal));
        Assert.Equal(process, lab.Agent!.Id);
        await lab.Agent.KillAsync();
        disk.Free();
        await lab.StartAgentAsync();
        await runtime.DeleteAsync(refused);
        await node.SettledAsync();
        await node.HoldsExactlyAsync([kept]);

        // And once more without a restart.
        process = lab.Agent!.Id;
        disk.Fill();
        while ((add = await lab.PluginAsync("ADD", refused)).ExitCode == 0)
        {
            await lab.PluginAsync("DEL", refused);
        }

        disk.Free();
        await runtime.DeleteAsync(refused);
        var added = await runtime.AddAsync(node.Namespaces[2]);
        Assert.True(await Lab.PingAsync(added.Namespace, kept.Address), "pods are attached again");
        await node.SettledAsync();
        await node.HoldsExactlyAsync([kept, added]);
        await runtime.DeleteAsync(kept);
        await runtime.DeleteAsync(added);
        await node.SettledAsync();
        await node.HoldsExactlyAsync([]);
        Assert.Equal(process, lab.Agent!.Id);
        Assert.False(lab.Agent.HasExited);
    }

    private static async Task<PodSpec> AttachAsync(RpcNode node, int slot, int variant)
    {
        var spec = PodSpec.Of(slot, variant);
        await node.Client(0).AttachAsync(spec.ToRequest(node.Epoch, node.NextSequence()), deadline: DateTime.UtcNow.AddSeconds(30));
        return spec;
    }

    private static async Task HoldsAsync(RpcNode node, HashSet<PodSpec> held)
    {
        Assert.True(held.SetEquals(await node.EndpointsAsync()), "what was acknowledged is there, and nothing else");
        await node.SettledAsync();
        await node.TablesEqualAsync(held);
    }
}
