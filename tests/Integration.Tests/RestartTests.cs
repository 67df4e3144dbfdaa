using System.Globalization;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>Restarts of the control plane affect neither traffic nor state; a restarted or changed target is restored.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task Killing_InfraManager_loses_no_packets_and_its_restart_writes_nothing()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { SeparateTarget = true });
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var tables = (await lab.ControlAsync("tables")).ToJsonString();

        var ping = Shell.RunLineAsync(a.Namespace, $"ping -n -i 0.01 -c 400 -W 1 {b.Address}");
        await lab.KillManagerAsync();
        await lab.StartManagerAsync();
        await lab.StopManagerAsync();
        await lab.StartManagerAsync();

        var result = await ping;
        Assert.Contains(" 0% packet loss", result.Output);
        var status = await lab.ControlAsync("status");
        Assert.Equal(0, Number(status, "updatesSent"));
        Assert.Equal(3, Number(status, "endpoints"));
        Assert.Equal(tables, (await lab.ControlAsync("tables")).ToJsonString());
    }

    [Fact]
    public async Task An_empty_target_is_filled_again_after_its_restart()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { SeparateTarget = true });
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var rows = await RowsAsync(lab);

        await lab.KillTargetAsync();
        await lab.StartTargetAsync();

        await Eventually.TrueAsync(
            async () => await lab.TryControlAsync("status") is { } status && status["reconciled"]!.GetValue<bool>()
                && status["ready"]!.GetValue<bool>(),
            () => $"the new target is reconciled:\n{lab.Manager!.Log}");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        Assert.True(await Lab.PingAsync(lab.HostNamespace, b.Address));
        Assert.Equal(rows, await RowsAsync(lab));
    }

    [Fact]
    public async Task Rows_changed_by_another_controller_are_repaired()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { SeparateTarget = true });
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var tables = (await lab.ControlAsync("tables")).ToJsonString();
        await lab.StopManagerAsync();

        await using (var vandal = await RawP4Runtime.ConnectAsync(lab.TargetSocket))
        {
            await vandal.DropFirstAndAddForeignRowAsync("pods", [10, 9, 9, 9]);
        }

        await lab.StartManagerAsync();
        Assert.Equal(tables, (await lab.ControlAsync("tables")).ToJsonString());
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        var status = await lab.ControlAsync("status");
        Assert.Equal(1, Number(status, "reconcileInserted"));
        Assert.Equal(1, Number(status, "reconcileDeleted"));
        Assert.Equal(2, Number(status, "updatesSent"));
    }

    [Fact]
    public async Task The_address_of_a_pod_deleted_while_the_ACC_was_down_can_be_reused()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { SeparateTarget = true });
        // One address for pods: the next pod gets the one that was freed.
        RestrictPool(lab, "10.244.1.50", "10.244.1.50");
        var first = await lab.AddPodAsync("first");
        Assert.Equal("10.244.1.50", first.Address);

        await lab.KillManagerAsync();
        Assert.Equal(0, (await lab.PluginAsync("DEL", first)).ExitCode);
        var name = await lab.AddNamespaceAsync("early");
        var early = new Pod("early", name, "early");
        var refused = await lab.PluginAsync("ADD", early);
        Assert.NotEqual(0, refused.ExitCode);
        var error = JsonNode.Parse(refused.Output)!;
        Assert.Equal(11, (int?)error["code"]);
        Assert.Contains("ACC", (string?)error["msg"] + (string?)error["details"]);

        await lab.StartManagerAsync();
        Pod? second = null;
        await Eventually.TrueAsync(
            async () =>
            {
                var result = await lab.PluginAsync("ADD", early);
                if (result.ExitCode != 0)
                {
                    return false;
                }

                early.Result = JsonNode.Parse(result.Output)!;
                second = early;
                return true;
            },
            () => $"ADD works again:\n{lab.Agent!.Log}");
        Assert.Equal("10.244.1.50", second!.Address);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, second.Address));
        var endpoints = (await lab.ControlAsync("endpoints"))["endpoints"]!.AsArray();
        Assert.DoesNotContain(endpoints, e => (string?)e!["containerId"] == first.ContainerId);
    }

    [Fact]
    public async Task Pods_survive_a_restart_of_the_agent()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var before = (await lab.ControlAsync("endpoints")).ToJsonString();

        await lab.Agent!.KillAsync();
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        await lab.StartAgentAsync();

        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        Assert.Equal(before, (await lab.ControlAsync("endpoints")).ToJsonString());
        await lab.DeletePodAsync(a);
        await lab.DeletePodAsync(b);
    }

    private static void RestrictPool(Lab lab, string first, string last)
    {
        var path = lab.At("10-accoffload.conflist");
        var list = JsonNode.Parse(File.ReadAllText(path))!;
        var range = list["plugins"]![0]!["ipam"]!["ranges"]![0]![0]!.AsObject();
        range["rangeStart"] = first;
        range["rangeEnd"] = last;
        File.WriteAllText(path, list.ToJsonString());
    }

    private static async Task<string> RowsAsync(Lab lab)
    {
        var tables = (await lab.ControlAsync("tables"))["tables"]!.AsArray();
        return string.Join(',', tables.Select(t => $"{t!["name"]}={t["rows"]!.AsArray().Count.ToString(CultureInfo.InvariantCulture)}"));
    }

    private static long Number(JsonNode node, string name) => node[name]?.GetValue<long>() ?? 0;
}
