using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Configurations;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>`inframanager prepare`: makes what the sandboxed service cannot.</summary>
public sealed class PrepareTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly string _ports = $"imp-{Guid.NewGuid():N}p";
    private readonly string _uplink = $"imp-{Guid.NewGuid():N}u";

    public void Dispose()
    {
        _folder.Dispose();
        if (Environment.IsPrivilegedProcess)
        {
            NetNamespace.DeleteNamed(_ports);
            NetNamespace.DeleteNamed(_uplink);
        }
    }

    [Fact]
    public async Task The_exception_interface_of_the_embedded_target_is_made()
    {
        Needs.Root();
        var (code, output, error) = await RunAsync(Uplink($"/run/netns/{_uplink}"));
        Assert.Equal((0, ""), (code, error));
        Assert.Equal($"accx1: port accx0, in /run/netns/{_uplink}\n", output);
        using var ns = NetNamespace.OpenNamed(_uplink);
        using var links = RouteNetlink.Open(ns);
        Assert.Equal((true, "02:00:00:00:00:02"), (links.GetLink("accx1")!.IsRunning, links.GetLink("accx1")!.Mac.ToString()));
        // The service may not set these from its sandbox.
        Assert.Equal("1 0 0 0", ns.Run(() => string.Join(' ',
            new[] { "ip_forward", "conf/all/rp_filter", "conf/all/send_redirects", "conf/all/accept_redirects" }
                .Select(n => File.ReadAllText($"/proc/sys/net/ipv4/{n}").Trim()))));
        Assert.Equal("0", ns.Run(() => File.ReadAllText("/proc/sys/net/ipv6/conf/accx1/accept_ra").Trim()));

        Assert.Equal(0, (await RunAsync(Uplink($"/run/netns/{_uplink}"))).Code);
    }

    [Fact]
    public async Task An_interface_that_the_target_has_not_made_yet_is_not_an_error()
    {
        Needs.Root();
        var json = Uplink($"/run/netns/{_uplink}").Set("Target:Kind", "external").Set("Node:Uplink:Exception:Interface", "none0");
        var (code, output, _) = await RunAsync(json);
        Assert.Equal(0, code);
        Assert.StartsWith("none0: does not exist yet", output, StringComparison.Ordinal);
        Assert.True(File.Exists(NetNamespace.NamedPath(_uplink)));
    }

    [Fact]
    public async Task A_namespace_that_cannot_be_made_and_a_wrong_uplink_are_refused()
    {
        var (code, _, error) = await RunAsync(Uplink(_folder.Write("ns", "")));
        Assert.Equal(78, code);
        Assert.Contains("Node:Uplink:Exception:Namespace", error, StringComparison.Ordinal);

        (code, _, error) = await RunAsync(Uplink("/run/netns/x").Set("Node:Uplink:Addresses", new JsonArray("192.0.2.10")));
        Assert.Equal(78, code);
        Assert.Contains("Node:Uplink:Addresses[0]", error, StringComparison.Ordinal);

        // Other sections do not matter here.
        Assert.False(File.Exists(NetNamespace.NamedPath(_ports)));
    }

    private JsonObject Uplink(string path) => new JsonObject().Set("SoftTarget:PortNamespace", $"/run/netns/{_ports}")
        .Set("Node:Uplink", new JsonObject
        {
            ["Port"] = "eth1",
            ["Mac"] = "02:00:00:00:00:02",
            ["Addresses"] = new JsonArray("192.0.2.10/24"),
            ["Exception"] = new JsonObject { ["Namespace"] = path },
        });

    private async Task<(int Code, string Output, string Error)> RunAsync(JsonObject configuration)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(
            ["prepare", "--config", _folder.Write("c.json", configuration.ToJsonString())], output, error);
        return (code, output.ToString(), error.ToString());
    }
}
