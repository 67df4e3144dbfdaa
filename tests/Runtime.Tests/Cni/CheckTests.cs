using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>CHECK detects missing and changed resources of ours, and nothing else.</summary>
public sealed class CheckTests(SharedLab shared) : IClassFixture<SharedLab>
{
    /// <summary>Each row: a change in the pod, a word that the error must contain, and the repair.</summary>
    [Theory]
    [InlineData("ip route del default", "the route to 0.0.0.0/0 via 169.254.1.1 is gone", "ip route add default via 169.254.1.1 dev eth0")]
    [InlineData("ip route del 169.254.1.1", "169.254.1.1", "ip route add 169.254.1.1 dev eth0 scope link")]
    [InlineData("ip route replace default via 169.254.1.2 dev eth0 onlink", "0.0.0.0/0",
        "ip route replace default via 169.254.1.1 dev eth0")]
    [InlineData("ip addr del {address}/32 dev eth0", "lacks the address {address}/32", "ip addr add {address}/32 dev eth0")]
    [InlineData("ip link set eth0 mtu 1600", "has the MTU 1600", "ip link set eth0 mtu 1500")]
    [InlineData("ip link set eth0 address 02:00:00:12:34:56", "has the MAC 02:00:00:12:34:56", "ip link set eth0 address {mac}")]
    [InlineData("ip link set eth0 down", "eth0 is down",
        "ip link set eth0 up;ip route replace 169.254.1.1 dev eth0 scope link;ip route replace default via 169.254.1.1 dev eth0")]
    public async Task CHECK_detects_a_change_in_the_pod_and_its_repair(string change, string word, string repair)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        string Fill(string text) => text
            .Replace("{address}", attachment.Address, StringComparison.Ordinal)
            .Replace("{mac}", (string)attachment.Result!["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!["mac"]!,
                StringComparison.Ordinal);
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();

        await Shell.RunLineAsync(attachment.Namespace, Fill(change)).Succeeded();
        var error = (await runtime.RunAsync("CHECK", attachment)).Failed(999);
        Assert.Contains(Fill(word), error.Text, StringComparison.Ordinal);

        foreach (var line in Fill(repair).Split(';'))
        {
            await Shell.RunLineAsync(attachment.Namespace, line).Succeeded();
        }
        // The kernel may have removed the routes together with the address.
        foreach (var line in new[] { "ip route replace 169.254.1.1 dev eth0 scope link",
            "ip route replace default via 169.254.1.1 dev eth0" })
        {
            await Shell.RunLineAsync(attachment.Namespace, line).Succeeded();
        }

        (await runtime.RunAsync("CHECK", attachment)).IsSilent();
        Assert.True(await Lab.PingAsync(runtime.Lab.HostNamespace, attachment.Address), "the repaired pod does not answer");
        await runtime.RemoveAsync(attachment);
    }

    [Fact]
    public async Task CHECK_detects_a_missing_interface()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        await Shell.RunLineAsync(attachment.Namespace, "ip link del eth0").Succeeded();
        Assert.Contains("is gone", (await runtime.RunAsync("CHECK", attachment)).Failed(999).Text, StringComparison.Ordinal);
        await runtime.RemoveAsync(attachment);
    }

    [Fact]
    public async Task CHECK_detects_that_the_data_plane_end_is_down()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var lab = runtime.Lab;
        var links = await LabState.LinksAsync(lab.PortNamespace);
        var attachment = await runtime.AddAsync();
        var port = Assert.Single((await LabState.LinksAsync(lab.PortNamespace)).Except(links));
        await Shell.RunLineAsync(lab.PortNamespace, $"ip link set {port} down").Succeeded();
        Assert.Contains("is down", (await runtime.RunAsync("CHECK", attachment)).Failed(999).Text, StringComparison.Ordinal);

        await Shell.RunLineAsync(lab.PortNamespace, $"ip link set {port} up").Succeeded();
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();
        Assert.True(await Lab.PingAsync(lab.HostNamespace, attachment.Address), "the pod does not answer after the repair");
        await runtime.RemoveAsync(attachment);
    }

    /// <summary>"The plugin should call CHECK on any delegated plugins and pass any errors on to its caller."</summary>
    [Fact]
    public async Task CHECK_passes_on_errors_of_the_IPAM_plugin()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        var lease = runtime.Lab.At($"ipam/podnet/{attachment.Address}");
        var content = await File.ReadAllTextAsync(lease);
        File.Delete(lease);
        Assert.Contains("IPAM plugin host-local", (await runtime.RunAsync("CHECK", attachment)).Failed(999).Text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(lease, content);
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();
        await runtime.RemoveAsync(attachment);
    }

    /// <summary>"The plugin must allow for a later chained plugin to have modified networking resources."</summary>
    [Fact]
    public async Task CHECK_uses_the_final_result_of_the_chain()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        await Shell.RunLineAsync(attachment.Namespace, "ip link set eth0 mtu 1400").Succeeded();
        await Shell.RunLineAsync(attachment.Namespace, "ip route del default").Succeeded();
        await Shell.RunLineAsync(attachment.Namespace, "ip addr add 10.200.0.1/32 dev eth0").Succeeded();
        var result = attachment.Result!;
        result["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!["mtu"] = 1400;
        foreach (var route in result["routes"]!.AsArray().Where(r => (string?)r!["dst"] == "0.0.0.0/0").ToArray())
        {
            result["routes"]!.AsArray().Remove(route);
        }

        result["ips"]!.AsArray()
            .Add(new JsonObject { ["address"] = "10.200.0.1/32", ["interface"] = result["ips"]![0]!["interface"]!.DeepClone() });

        (await runtime.RunAsync("CHECK", attachment)).IsSilent();

        await Shell.RunLineAsync(attachment.Namespace, "ip addr del 10.200.0.1/32 dev eth0").Succeeded();
        Assert.Contains("10.200.0.1", (await runtime.RunAsync("CHECK", attachment)).Failed(999).Text, StringComparison.Ordinal);
        await runtime.RemoveAsync(attachment);
    }

    [Fact]
    public async Task CHECK_detects_a_missing_namespace()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        await runtime.Lab.RemoveNamespaceAsync(attachment.Namespace);
        Assert.NotEqual(0, (await runtime.RunAsync("CHECK", attachment)).ExitCode);
        (await runtime.RunAsync("DEL", attachment)).IsSilent();
    }
}
