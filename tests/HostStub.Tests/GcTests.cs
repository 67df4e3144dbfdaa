using System.Text.Json.Nodes;
using ACCOffload.HostStub.TestKit;
using ACCOffload.Protos.V1;
using Google.Protobuf;

namespace ACCOffload.HostStub.Tests;

public sealed class GcTests
{
    [Fact]
    public async Task Gc_removes_what_only_the_ACC_has_in_any_network()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        foreach (var network in (string[])["podnet", "othernet"])
        {
            lab.Acc.Model.Add(new AttachRequest
            {
                Key = new AttachmentKey { Network = network, ContainerId = "lost", InterfaceName = "eth0" },
                Kind = EndpointKind.Pod,
                Addresses = { ByteString.CopyFrom(10, 244, 9, 9) },
            });
        }

        (await Task.Run(() => lab.Request("GC", "", "", change: Valid()))).Succeeded();

        await Eventually.TrueAsync(() => lab.Acc.Model.Pods.Count == 0, "the unknown attachments are removed");
    }

    [Fact]
    public async Task Gc_removes_devices_whose_claim_was_lost()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (stale, valid) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", stale)).Succeeded();
        (await lab.RunAsync("ADD", valid)).Succeeded();
        await lab.StopAgentAsync();
        File.Delete(lab.At("host-stub.db"));
        await lab.StartAgentAsync();
        Assert.True(lab.Log.Contains("No claim names the data-plane end"));

        (await lab.RunAsync("GC", valid, change: Valid(valid))).Succeeded();

        Assert.Contains(valid.ContainerId, Assert.Single(lab.DataPlaneLinks()).Alias, StringComparison.Ordinal);
        // The valid pod keeps its device, and the other one's address is released by the call's IPAM plugin.
        await Eventually.TrueAsync(
            () => lab.Acc.Model.Pods is [{ } pod] && pod.Key.ContainerId == valid.ContainerId, "the ACC keeps only the valid one");
        Assert.Single(lab.ReservedAddresses());
    }

    [Fact]
    public async Task Gc_works_while_the_ACC_is_unreachable()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var stale = lab.NewPod();
        (await lab.RunAsync("ADD", stale)).Succeeded();
        await lab.Acc.StopAsync();

        (await lab.RunAsync("GC", stale, change: Valid())).Succeeded();

        Assert.Empty(lab.DataPlaneLinks());
        Assert.Empty(lab.ReservedAddresses());
        await lab.Acc.StartAsync();
        await Eventually.TrueAsync(() => lab.Acc.Model.Pods.Count == 0, "the ACC is informed");
    }

    [Fact]
    public async Task A_null_list_is_empty_and_collects_the_whole_network()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var (first, second) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", first)).Succeeded();
        (await lab.RunAsync("ADD", second)).Succeeded();

        (await lab.RunAsync("GC", first, change: c => c["cni.dev/valid-attachments"] = null)).Succeeded();

        lab.AssertNothingLeft();
        Assert.Empty(lab.Agent!.Services.Claims.All());
    }

    private static Action<JsonObject> Valid(params Pod[] pods) => config =>
        config["cni.dev/valid-attachments"] = new JsonArray(
            [.. pods.Select(p => (JsonNode)new JsonObject { ["containerID"] = p.ContainerId, ["ifname"] = "eth0" })]);
}
