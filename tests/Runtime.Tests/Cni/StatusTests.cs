using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>
/// STATUS and ADD while a component is unavailable. A runtime that polls STATUS marks the node as not ready when it fails, and healthy
/// pods are evicted: code 50 must mean that no ADD can succeed, and not just briefly.
/// </summary>
public sealed class StatusTests
{
    [Fact]
    public async Task Code_50_while_the_ACC_stays_unavailable_and_success_afterwards()
    {
        Needs.Lab();
        await using var lab = await StartAsync(statusGraceSeconds: 1);
        var runtime = new CniRuntime(lab);
        var attachment = await runtime.AddAsync();
        (await runtime.RunAsync("STATUS", attachment.Configuration)).IsSilent();
        var before = await LabState.TakeAsync(lab);

        await lab.KillManagerAsync();
        CniOutcome? status = null;
        await Eventually.TrueAsync(
            async () => (status = await runtime.RunAsync("STATUS", attachment.Configuration)).ExitCode != 0,
            () => $"STATUS fails\n{lab.Agent!.Log}");
        Assert.Contains("ACC", status!.Failed(50).Text, StringComparison.Ordinal);
        // "Plugins should always expect other CNI operations even if STATUS returns an error": ADD fails with a reason and is undone, DEL
        // works.
        var second = await runtime.NewAsync();
        Assert.Contains("ACC", (await runtime.RunAsync("ADD", second)).Failed(11).Text, StringComparison.Ordinal);
        Assert.Equal(["lo"], await LabState.LinksAsync(second.Namespace));
        (await runtime.RunAsync("DEL", second)).IsSilent();
        // CHECK only covers the host's side: if it failed, CRI-O would drop a working pod and kubelet would restart it.
        Assert.Equal(0, (await runtime.RunAsync("CHECK", attachment)).ExitCode);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, attachment.Address), "the pod does not answer any more");

        await lab.StartManagerAsync();
        await Eventually.TrueAsync(
            async () => (await runtime.RunAsync("STATUS", attachment.Configuration)).ExitCode == 0,
            () => $"STATUS succeeds again\n{lab.Agent!.Log}");
        Assert.Equal(before, await LabState.TakeAsync(lab));
        await runtime.AddAsync(second);
        Assert.True(await Lab.PingAsync(second.Namespace, attachment.Address));
        await runtime.RemoveAsync(second);
        await runtime.RemoveAsync(attachment);
    }

    [Fact]
    public async Task STATUS_succeeds_while_the_ACC_may_be_rebooting()
    {
        Needs.Lab();
        await using var lab = await StartAsync(statusGraceSeconds: 3600);
        var runtime = new CniRuntime(lab);
        var attachment = await runtime.AddAsync();

        await lab.KillManagerAsync();
        await Eventually.TrueAsync(
            async () => (await LabState.AgentStatusAsync(lab))["acc"]!["unusableSince"] is not null,
            () => $"the agent notices that the ACC is unavailable\n{lab.Agent!.Log}");
        (await runtime.RunAsync("STATUS", attachment.Configuration)).IsSilent();

        // The same after a restart of the agent, while there are pods that would be evicted.
        await lab.Agent!.KillAsync();
        await lab.StartAgentAsync();
        (await runtime.RunAsync("STATUS", attachment.Configuration)).IsSilent();
        (await runtime.RunAsync("ADD", await runtime.NewAsync())).Failed(11);
        (await runtime.RunAsync("DEL", attachment)).IsSilent();
    }

    [Fact]
    public async Task Code_50_on_a_new_node_until_its_ACC_is_reached()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        await lab.StartAgentAsync(waitReady: false);
        var runtime = new CniRuntime(lab);
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(lab.At("host-stub.sock"))),
            () => $"the agent listens\n{lab.Agent!.Log}");
        var configuration = runtime.Configuration();
        configuration.Remove("ipam");
        CniOutcome? status = null;
        await Eventually.TrueAsync(async () => (status = await runtime.RunAsync("STATUS", configuration)).ExitCode != 0, "STATUS fails");
        var error = status!.Failed(50);
        Assert.Contains("ACC", error.Text, StringComparison.Ordinal);
        Assert.Contains("unable to attach pods", error.Message, StringComparison.Ordinal);

        await lab.StartManagerAsync();
        await Eventually.TrueAsync(async () => (status = await runtime.RunAsync("STATUS", configuration)).ExitCode == 0,
            () => $"STATUS succeeds\n{lab.Agent!.Log}");
        status.IsSilent();
    }

    [Fact]
    public async Task Code_50_for_STATUS_and_11_for_ADD_without_the_agent()
    {
        Needs.Lab();
        await using var lab = await StartAsync(statusGraceSeconds: 180);
        var runtime = new CniRuntime(lab);
        var attachment = await runtime.AddAsync();
        await lab.Agent!.KillAsync();

        Assert.Contains("agent", (await runtime.RunAsync("STATUS", attachment.Configuration)).Failed(50).Text, StringComparison.Ordinal);
        Assert.Contains("agent", (await runtime.RunAsync("ADD", await runtime.NewAsync())).Failed(11).Text, StringComparison.Ordinal);
        // Nothing can be freed now, and the runtime might not retry: the DEL is queued.
        Assert.Equal(0, (await runtime.RunAsync("DEL", attachment)).ExitCode);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, attachment.Address), "the pod does not answer any more");

        await lab.StartAgentAsync();
        await Eventually.TrueAsync(async () => !await Lab.PingAsync(lab.HostNamespace, attachment.Address),
            "the agent executes the queued DEL");
        (await runtime.RunAsync("DEL", attachment)).IsSilent();
    }

    [Fact]
    public async Task STATUS_succeeds_while_no_address_is_left()
    {
        Needs.Lab();
        await using var lab = await StartAsync(statusGraceSeconds: 0);
        var runtime = new CniRuntime(lab);
        var configuration = runtime.Configuration(firstAddress: 50, lastAddress: 51);
        var (first, second) = (await runtime.AddAsync(configuration), await runtime.AddAsync(configuration));
        var third = await runtime.NewAsync(configuration);

        (await runtime.RunAsync("ADD", third)).Failed(11);
        (await runtime.RunAsync("STATUS", configuration)).IsSilent();
        (await runtime.RunAsync("CHECK", first)).IsSilent();
        await runtime.RemoveAsync(second);
        await runtime.AddAsync(third);
        Assert.True(await Lab.PingAsync(third.Namespace, first.Address));
    }

    /// <summary>
    /// "If a plugin relies on a delegated plugin, it must also execute a STATUS request to that plugin … if it returns an error result, the
    /// executing plugin should."
    /// </summary>
    [Fact]
    public async Task STATUS_of_a_delegated_plugin_is_passed_on()
    {
        Needs.Lab();
        await using var lab = await StartAsync(statusGraceSeconds: 180);
        var runtime = new CniRuntime(lab);
        var log = lab.At("ipam-status.log");
        var configuration = runtime.Configuration();
        configuration["ipam"] = new JsonObject { ["type"] = "ipam-status" };
        GcTests.WriteIpam(runtime, "ipam-status", log, "");
        (await runtime.RunAsync("STATUS", configuration)).IsSilent();
        Assert.Contains(await File.ReadAllLinesAsync(log), line => line.StartsWith("STATUS ", StringComparison.Ordinal));

        foreach (var code in new[] { 50, 51 })
        {
            var failure = new JsonObject { ["cniVersion"] = "1.1.0", ["code"] = code, ["msg"] = "the server is down" };
            GcTests.WriteIpam(runtime, "ipam-status",
                log, $"[ $CNI_COMMAND != STATUS ] || {{ echo '{failure.ToJsonString()}'; exit 1; }}\n");
            Assert.Contains("server is down", (await runtime.RunAsync("STATUS", configuration)).Failed(code).Text,
                StringComparison.Ordinal);
        }

        // One that does not know STATUS is not asked, so that its error does not matter.
        GcTests.WriteIpam(runtime, "ipam-status", log, "echo '{\"code\":50,\"msg\":\"never asked\"}'; exit 1", "\"0.4.0\",\"1.0.0\"");
        (await runtime.RunAsync("STATUS", configuration)).IsSilent();
    }

    private static async Task<Lab> StartAsync(int statusGraceSeconds)
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        try
        {
            lab.ChangeAgentConfig(config => config["Acc"]!["StatusGraceSeconds"] = statusGraceSeconds);
            await lab.StartTargetAsync();
            await lab.StartManagerAsync();
            await lab.StartAgentAsync();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }
}
