using ACCOffload.Crash.Tests.Pods;
using ACCOffload.Crash.Tests.Rpc;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>Power fails right after a response: acknowledged state is on the disk.</summary>
public sealed class PowerLossTests
{
    private const int Rounds = 5;

    [Fact]
    public async Task Requests_acknowledged_by_InfraManager_survive_power_loss()
    {
        Needs.Lab();
        Needs.LoopDevices();
        Needs.Program("mkfs.ext4", "e2fsprogs");
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
            await node.AttachAsync(spec);
            held.Add(spec);
            if (round > 0)
            {
                var gone = PodSpec.Of(round - 1, 0);
                await node.DetachAsync(gone);
                held.Remove(gone);
            }

            disk!.CutPower();
            await node.Lab.KillManagerAsync();
            await disk.RestoreAsync();
            await node.Lab.StartManagerAsync(waitReady: false);
            await node.SettledAsync();
            Assert.True(held.SetEquals(await node.EndpointsAsync()), $"round {round}: endpoints differ from the acknowledged ones");
            await node.AssertTablesEqualAsync(held);
        }
    }

    [Fact]
    public async Task Pods_acknowledged_by_the_agent_survive_power_loss()
    {
        Needs.Lab();
        Needs.LoopDevices();
        Needs.Program("mkfs.ext4", "e2fsprogs");
        VolatileDisk? disk = null;
        await using var node = await PodNode.StartAsync(1, lab =>
        {
            disk = VolatileDisk.CreateAsync(lab.At("store")).GetAwaiter().GetResult();
            lab.ChangeAgentConfig(config => config["Agent"]!["Store"] = lab.At("store/host-stub.db"));
        });
        await using var mounted = disk!;
        var runtime = new FakeRuntime(node.Lab);
        for (var round = 0; round < Rounds; round++)
        {
            var pod = await runtime.AddAsync(node.Namespaces[0]);
            await RestartAsync(node, disk!);
            await node.AssertExactlyAsync([pod]);
            Assert.True(await Lab.PingAsync(pod.Namespace, node.PermanentPods[0].Address), "the pod has no connectivity");

            // A successful DEL must survive as well.
            await runtime.DeleteAsync(pod);
            await RestartAsync(node, disk!);
            await node.AssertExactlyAsync([]);
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
