using ACCOffload.HostStub.TestKit;
using ACCOffload.Protos;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class EpochTests
{
    private const ulong MaxSequence = ulong.MaxValue;

    [Fact]
    public async Task An_agent_requests_one_epoch_per_start()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        Assert.Equal(["Begin", "Sync"], lab.Acc.Model.Calls);
        Assert.Equal((1UL, 1UL), (lab.Acc.Model.Epoch, lab.Agent!.Services.Claims.Epoch));
        var agent = lab.Acc.Model.Agent;
        Assert.InRange(agent.Length, 1, ProtocolLimits.MaxAgentNameBytes);

        // Reconnecting is not a new start.
        await lab.Acc.StopAsync();
        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => lab.Acc.Model.Calls.Count(c => c == "Sync") == 2, "the agent comes back");
        Assert.Equal(1UL, lab.Acc.Model.Epoch);

        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Equal(2UL, lab.Acc.Model.Epoch);
        Assert.NotEqual(agent, lab.Acc.Model.Agent);
    }

    [Fact]
    public async Task A_claim_history_with_sixty_five_networks_is_harmless()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        for (var i = 0; i < 65; i++)
        {
            (await DeleteAsync(lab, $"net{i}")).Succeeded();
        }

        foreach (var length in (int[])[254, 255, 256])
        {
            (await DeleteAsync(lab, new string('n', length))).Succeeded();
        }

        (await GcAsync(lab)).Succeeded();
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();

        Assert.Empty(lab.Agent!.Services.Acc.State.SyncFailures);
        Assert.Equal(2, lab.Acc.Model.Pods.Count);
    }

    [Fact]
    public async Task Neither_a_fast_clock_nor_a_lost_database_locks_the_agent_out()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Time = new Shifted(TimeSpan.FromHours(12)));
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        lab.Time = TimeProvider.System;

        await lab.StartAgentAsync();

        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
        Assert.Equal(2, lab.Acc.Model.Pods.Count);
    }

    [Fact]
    public async Task A_maximum_sequence_number_does_not_outlive_its_epoch()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var planted = Planted("othernet", lab.Acc.Model.Epoch);
        await lab.Acc.Model.AttachAsync(planted);
        lab.Acc.Model.Sync(new Protos.V1.SyncRequest { Epoch = lab.Acc.Model.Epoch, Sequence = MaxSequence, Attachments = { planted } });

        await lab.StopAgentAsync();
        await lab.StartAgentAsync();

        // The first Sync removes an attachment that this host does not have, whatever its name, and frees its address.
        Assert.Empty(lab.Acc.Model.Pods);
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
    }

    [Fact]
    public async Task A_reset_by_the_operator_is_detected_without_a_restart()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();

        lab.Acc.Model.Reset();

        await Eventually.TrueAsync(
            () => lab.Acc.Model.Pods.Count == 1 && lab.Agent!.Services.Acc.State.Synced, "the agent begins again and reports its pod");
        Assert.Equal(3UL, lab.Acc.Model.Epoch);
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
    }

    [Fact]
    public async Task An_ACC_with_a_new_database_gets_all_attachments_again()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        await lab.Acc.StopAsync();
        lab.Acc.Model.LoseDatabase();

        await lab.Acc.StartAsync();

        await Eventually.TrueAsync(() => lab.Acc.Model.Pods.Count == 1, "the pod is reported to the ACC");
        Assert.Equal(1UL, lab.Acc.Model.Epoch);
    }

    [Fact]
    public async Task An_Add_whose_epoch_another_agent_took_succeeds_with_the_next()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        lab.Acc.Model.Begin(new Protos.V1.BeginRequest { Agent = "a-stranger" });

        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();

        Assert.Equal(3UL, lab.Acc.Model.Epoch);
        Assert.True(lab.Log.Contains("another agent uses this node's certificate"));
    }

    [Fact]
    public async Task An_ACC_that_assigns_no_epochs_is_reported_as_too_old()
    {
        Needs.Root();
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        lab.Acc.Model.BeginFailure = new RpcException(new Status(StatusCode.Unimplemented, "Method is unimplemented."));

        await lab.StartAgentAsync(waitSynced: false);

        await Eventually.TrueAsync(
            () => lab.Agent!.Services.Acc.State.Reason.Contains("update inframanager", StringComparison.Ordinal),
            () => lab.Agent!.Services.Acc.State.Reason);
        Assert.DoesNotContain("Sync", lab.Acc.Model.Calls);
        lab.Acc.Model.BeginFailure = null;
        await Eventually.TrueAsync(() => lab.Agent!.Services.Acc.State.Synced, "the agent continues with the updated ACC");
    }

    [Fact]
    public void An_agent_that_keeps_losing_its_epoch_requests_new_ones_less_often()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var epoch = new Acc.EpochHolder(time);
        Assert.Equal(TimeSpan.Zero, epoch.Wait);
        var waits = new List<double>();
        for (var i = 0; i < 10; i++)
        {
            epoch.Begun();
            time.Advance(TimeSpan.FromSeconds(30));
            epoch.Lost();
            waits.Add(epoch.Wait.TotalSeconds);
        }
        Assert.InRange(waits[0], 0.5, 1);
        Assert.InRange(waits[^1], 30, 60);
        epoch.Begun();
        time.Advance(TimeSpan.FromMinutes(3));
        epoch.Lost();
        Assert.Equal(TimeSpan.Zero, epoch.Wait);
    }

    [Fact]
    public async Task A_lost_database_is_rebuilt_from_the_ACC_and_the_host()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (stays, gone) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", stays)).Succeeded();
        var answer = (await lab.RunAsync("ADD", gone)).Succeeded();
        var before = lab.Acc.Model.Pods.Single(p => p.Key.ContainerId == stays.ContainerId);
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        lab.DeletePod(gone);
        await Eventually.TrueAsync(() => lab.DataPlaneLinks().Count == 1, "the device is deleted with its namespace");

        await lab.StartAgentAsync();

        var kept = Assert.Single(lab.Acc.Model.Pods);
        Assert.Equal((before.Key, before.Device, before.Mtu, before.PodName), (kept.Key, kept.Device, kept.Mtu, kept.PodName));
        Assert.Equal(before.Addresses, kept.Addresses);
        Assert.True(lab.Log.Contains("1 of 2 attachments that the ACC holds are on this host"));
        // The claim is known again: a second ADD is refused, a DEL removes everything.
        (await lab.RunAsync("ADD", stays)).Failed(999);
        (await lab.RunAsync("DEL", stays)).Succeeded();
        (await lab.RunAsync("DEL", gone)).Succeeded();
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task Check_works_for_an_adopted_attachment()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var added = (await lab.RunAsync("ADD", pod)).Succeeded();
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        await lab.StartAgentAsync();

        (await lab.RunAsync("CHECK", pod, prevResult: added.Output)).Succeeded();
        // The attachment is adopted only once: at the next start, the agent has its own database.
        await lab.StopAgentAsync();
        lab.Acc.Model.Calls.Clear();
        await lab.StartAgentAsync();
        Assert.Single(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task Another_attachments_device_with_the_same_name_is_not_adopted()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        using (var ns = ACCOffload.NativeInterop.Syscalls.NetNamespace.OpenNamed(lab.DataPlane))
        using (var links = ACCOffload.NativeInterop.Routing.RouteNetlink.Open(ns))
        {
            links.SetAlias(lab.DataPlaneLinks()[0].Index, "accoffload:podnet/somebody-else/eth0");
        }

        await lab.StartAgentAsync();

        Assert.Empty(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task No_Sync_is_sent_while_the_devices_cannot_be_read()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        await lab.Acc.StopAsync();
        await lab.StartAgentAsync(waitSynced: false);
        lab.Acc.Model.Calls.Clear();
        var blind = true;
        var look = lab.Agent!.Services.Acc.Adopt;
        lab.Agent.Services.Acc.Adopt = held => blind
            ? Task.FromException(new Acc.AccException("the agent can't see which of the ACC's attachments are on this host"))
            : look(held);

        await lab.Acc.StartAsync();

        await Eventually.TrueAsync(() => lab.Acc.Model.Calls.Count(c => c == "Begin") > 1, "the agent tries again");
        Assert.DoesNotContain("Sync", lab.Acc.Model.Calls);
        Assert.Contains("can't see which", lab.Agent.Services.Acc.State.Reason, StringComparison.Ordinal);
        Assert.Single(lab.Acc.Model.Pods);
        blind = false;
        await Eventually.TrueAsync(() => lab.Agent.Services.Acc.State.Synced, "the agent continues");
        Assert.Single(lab.Acc.Model.Pods);
    }

    private static Task<PluginAnswer> DeleteAsync(AgentLab lab, string network) => Task.Run(() => lab.Request("DEL", "c1", "", change: c =>
    {
        c["name"] = network;
        c.Remove("ipam");
    }));

    private static Task<PluginAnswer> GcAsync(AgentLab lab) =>
        Task.Run(() => lab.Request("GC", "", "", change: c => c["cni.dev/valid-attachments"] = new System.Text.Json.Nodes.JsonArray()));

    private static Protos.V1.AttachRequest Planted(string network, ulong epoch) => new()
    {
        Key = new Protos.V1.AttachmentKey { Network = network, ContainerId = "planted", InterfaceName = "eth0" },
        Kind = Protos.V1.EndpointKind.Pod,
        Device = new Protos.V1.Device
        {
            Kind = "veth",
            PortName = "accffffffffffe",
            Mac = Google.Protobuf.ByteString.CopyFrom(2, 0, 0, 0, 0, 9),
        },
        Addresses = { Google.Protobuf.ByteString.CopyFrom(10, 244, 1, 2) },
        Epoch = epoch,
        Sequence = MaxSequence,
    };

    private sealed class Shifted(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
