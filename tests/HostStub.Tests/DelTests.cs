using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Routing;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class DelTests
{
    [Fact]
    public async Task Del_without_a_claim_still_releases_the_address_and_removes_the_device()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        // As after the loss of the database.
        await lab.StopAgentAsync();
        File.Delete(lab.At("host-stub.db"));
        // Otherwise the agent adopts what the ACC still has.
        lab.Acc.Model.Clear();
        await lab.StartAgentAsync();
        Assert.Empty(lab.Agent!.Services.Claims.All());
        Assert.Single(lab.DataPlaneLinks());

        (await lab.RunAsync("DEL", pod)).Succeeded();

        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_Del_while_the_ACC_is_down_reaches_it_by_Sync_and_frees_the_address()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (first, second) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", first)).Succeeded();
        (await lab.RunAsync("ADD", second)).Succeeded();
        await lab.Acc.StopAsync();

        (await lab.RunAsync("DEL", first)).Succeeded();

        Assert.Equal(2, lab.Acc.Model.Pods.Count);
        Assert.Single(lab.DataPlaneLinks());
        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => lab.Acc.Model.Pods.Count == 1, "the ACC forgets the pod that was deleted while it was down");
        await Eventually.TrueAsync(() => lab.Agent!.Services.Claims.All().Count == 1, "the claim is forgotten after Sync");
        Assert.Equal(second.ContainerId, lab.Acc.Model.Pods[0].Key.ContainerId);
        await Eventually.TrueAsync(() => lab.ReservedAddresses().Count == 1, "the address of the deleted pod is free");
    }

    [Fact]
    public async Task A_Del_while_the_ACC_is_down_survives_a_restart_of_the_agent()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        await lab.Acc.StopAsync();
        (await lab.RunAsync("DEL", pod)).Succeeded();

        await lab.StopAgentAsync();
        await lab.StartAgentAsync(waitSynced: false);
        Assert.Single(lab.Acc.Model.Pods);
        await lab.Acc.StartAsync();

        await Eventually.TrueAsync(() => lab.Acc.Model.Pods.Count == 0, "the ACC forgets the pod");
    }

    [Fact]
    public async Task A_Detach_with_unknown_outcome_blocks_Adds_until_Sync()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Subnet = "10.244.1.0/30");
        var (first, second) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", first)).Succeeded();
        lab.Acc.Model.DetachFailure = new RpcException(new Status(StatusCode.Unavailable, "the target is unavailable"));
        lab.Acc.Model.Calls.Clear();

        (await lab.RunAsync("DEL", first)).Succeeded();
        // The next pod gets the only address: the ACC would refuse it if it still had the previous holder.
        (await lab.RunAsync("ADD", second)).Succeeded();

        Assert.Equal(["Detach", "Sync", "Attach"], lab.Acc.Model.Calls.Distinct());
        Assert.Equal("Attach", lab.Acc.Model.Calls.Last());
        Assert.Equal(second.ContainerId, Assert.Single(lab.Acc.Model.Pods).Key.ContainerId);
    }

    [Fact]
    public async Task A_pod_that_disappears_without_a_Del_is_reported_and_kept_until_Del()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        lab.DeletePod(pod);
        await Eventually.TrueAsync(() => lab.DataPlaneLinks().Count == 0, "the kernel removes the device with the namespace");

        await lab.StopAgentAsync();
        await lab.StartAgentAsync();

        var claim = Assert.Single(lab.Agent!.Services.Claims.All());
        Assert.True(claim.Vanished);
        Assert.True(lab.Log.Contains("disappeared without a DEL"));
        Assert.Empty(lab.Acc.Model.Pods);
        Assert.Single(lab.ReservedAddresses());
        (await lab.RunAsync("DEL", pod)).Succeeded();
        Assert.Empty(lab.Agent.Services.Claims.All());
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_vanished_pod_can_be_added_again()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            links.DeleteLink(links.GetLink("eth0")!.Index);
        }

        (await lab.RunAsync("ADD", pod)).Succeeded();

        Assert.Single(lab.DataPlaneLinks());
        Assert.Single(lab.ReservedAddresses());
    }
}
