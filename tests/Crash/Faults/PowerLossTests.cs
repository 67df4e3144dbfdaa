using ACCOffload.Crash.Pods;
using ACCOffload.Crash.Rpc;
using ACCOffload.Integration.Lab;
using ACCOffload.Protos.V1;

namespace ACCOffload.Crash.Faults;

/// <summary>The power goes right after an answer: what was promised is on the disk.</summary>
public sealed class PowerLossTests
{
    private const int Rounds = 5;

    [PowerFact]
    public async Task What_InfraManager_acknowledged_is_on_the_disk()
    {
        VolatileDisk? disk = null;
        await using var node = await RpcNode.StartAsync((lab, config) =>
        {
            disk = VolatileDisk.CreateAsync(lab.At("store")).GetAwaiter().GetResult();
            config["Store"]!["Path"] = lab.At("store/inframanager.db");
        });
        await using var mounted = disk!;
        var held = new HashSet<PodSpec>();
        for (var round = 0; round < Rounds; round++)
        {
            var spec = PodSpec.Of(round, 0);
            await node.Client(0).AttachAsync(spec.ToRequest(node.Epoch, node.NextSequence()), deadline: DateTime.UtcNow.AddSeconds(30));
            held.Add(spec);
            if (round > 0)
            {
                var gone = PodSpec.Of(round - 1, 0);
                await node.Client(0).DetachAsync(
                    new DetachRequest { Key = PodSpec.KeyOf(gone.ContainerId), Epoch = node.Epoch, Sequence = node.NextSequence() }, deadline: DateTime.UtcNow.AddSeconds(30));
                held.Remove(gone);
            }

            disk!.CutPower();
            await node.Lab.KillManagerAsync();
            await disk.RestoreAsync();
            await node.Lab.StartManagerAsync(waitReady: false);
            await node.SettledAsync();
            Assert.True(held.SetEquals(await node.EndpointsAsync()), $"round {round}: what was acknowledged is there, and nothing else");
            await node.TablesEqualAsync(held);
        }
    }

    [PowerFact]
    public async Task What_the_agent_acknowledged_is_on_the_disk()
    {
        VolatileDisk? disk = null;
        await using var node = await PodNode.StartAsync(1, lab =>
        {
            disk = VolatileDisk.CreateAsync(lab.At("store")).GetAwaiter().GetResult();
            lab.ChangeAgentConfig(config => config["Agent"]!["Store"] = lab.At("store/host-stub.db"));
        });
        await using var mounted = disk!;
        var runtime = new RuntimeImitation(node.Lab);
        for (var round = 0; round < Rounds; round++)
        {
            var pod = await runtime.AddAsync(node.Namespaces[0]);
            await RestartAsync(node, disk!);
            await node.HoldsExactlyAsync([pod]);
            Assert.True(await Lab.PingAsync(pod.Namespace, node.Stayers[0].Address), "the pod works");

            // The answer of a DEL is a promise too.
            await runtime.DeleteAsync(pod);
            await RestartAsync(node, disk!);
            await node.HoldsExactlyAsync([]);
        }
    }

    private static async Task RestartAsync(PodNode node, VolatileDisk disk)
    {
        disk.CutPower();
        node.Kill(Victims.Agent);
        await node.Lab.Agent!.WaitAsync();
        await disk.RestoreAsync();
        await node.StartAsync(Victims.Agent);
        await node.SettledAsync();
    }
}
