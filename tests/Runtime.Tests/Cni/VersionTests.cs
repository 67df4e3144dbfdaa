using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>Requests and results of every version match that version's specification.</summary>
public sealed class VersionTests(SharedLab shared) : IClassFixture<SharedLab>
{
    /// <summary>The keys defined by a version's specification; a strict parser of that version accepts no others.</summary>
    private static readonly Dictionary<string, (string[] Interface, string[] Address, string[] Route)> Keys = new()
    {
        ["0.3.0"] = (["name", "mac", "sandbox"], ["version", "interface", "address", "gateway"], ["dst", "gw"]),
        ["0.3.1"] = (["name", "mac", "sandbox"], ["version", "interface", "address", "gateway"], ["dst", "gw"]),
        ["0.4.0"] = (["name", "mac", "sandbox"], ["version", "interface", "address", "gateway"], ["dst", "gw"]),
        ["1.0.0"] = (["name", "mac", "sandbox"], ["interface", "address", "gateway"], ["dst", "gw"]),
        ["1.1.0"] = (["name", "mac", "mtu", "sandbox", "socketPath", "pciID"], ["interface", "address", "gateway"], ["dst", "gw", "mtu",
            "advmss", "priority", "table", "scope"]),
    };

    [Theory]
    [InlineData("0.3.0")]
    [InlineData("0.3.1")]
    [InlineData("0.4.0")]
    [InlineData("1.0.0")]
    [InlineData("1.1.0")]
    public async Task All_commands_work_in_each_version(string version)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        var attachment = await runtime.AddAsync(runtime.Configuration(version));
        AssertResult(version, attachment);
        await AssertInterfaceAsync(runtime.Lab, attachment);

        AssertKnownSince("0.4.0", version, await runtime.RunAsync("CHECK", attachment));
        AssertKnownSince("1.1.0", version, await runtime.RunAsync("STATUS", attachment.Configuration));
        AssertKnownSince("1.1.0", version, await runtime.GcAsync(attachment.Configuration));
        // The GC without valid attachments removed it, or was refused and removed nothing.
        Assert.Equal(version != "1.1.0", await LabState.HasEndpointAsync(runtime.Lab, "podnet", attachment.ContainerId, "eth0"));
        await runtime.RemoveAsync(attachment);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
    }

    [Theory]
    [InlineData("0.3.0")]
    [InlineData("0.3.1")]
    [InlineData("1.0.0")]
    [InlineData("1.1.0")]
    public async Task An_error_has_the_version_of_the_request(string version)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync(runtime.Configuration(version));
        (await runtime.RunAsync("ADD", attachment, c => c.Remove("ipam"))).Failed(7, version);
    }

    [Theory]
    [InlineData("{\"cniVersion\":\"1.0.0\"}", "1.0.0")]
    [InlineData("{\"cniVersion\":\"0.4.0\"}", "0.4.0")]
    [InlineData("{\"cniVersion\":\"9.9.9\"}", "9.9.9")]
    [InlineData("", "1.1.0")] // Callers of the reference library may send nothing.
    [InlineData("nonsense", "1.1.0")]
    public async Task VERSION_lists_all_versions_and_repeats_the_requested_one(string input, string version)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var outcome = await runtime.ExecuteAsync("accoffload", input, new Dictionary<string, string> { ["CNI_COMMAND"] = "VERSION" });
        var result = outcome.Result();
        Assert.Empty(result.Select(pair => pair.Key).Except(["cniVersion", "supportedVersions"]));
        Assert.Equal(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"], result["supportedVersions"]!.AsArray().Select(v => (string)v!));
        Assert.Equal(version, (string?)result["cniVersion"]);
        Assert.Equal("", outcome.ErrorText);
    }

    /// <summary>
    /// A delegated plugin older than the request is called in the newest version that it supports, and its old result is converted.
    /// </summary>
    [Theory]
    [InlineData("0.3.0", "0.3.1")]
    [InlineData("0.3.1", "0.4.0")]
    public async Task An_old_delegated_plugin_works_with_a_new_runtime(string older, string newest)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var log = runtime.Lab.At("ipam-old.log");
        runtime.WritePlugin("ipam-old", $$$"""
            input=$(cat | tr -d '\n')
            echo "$CNI_COMMAND $input" >> {{{log}}}
            [ $CNI_COMMAND != VERSION ] || { echo '{"cniVersion":"{{{newest}}}","supportedVersions":["{{{older}}}","{{{newest}}}"]}'; exit 0; }
            case $input in
                *'"cniVersion":"{{{newest}}}"'*) ;;
                *) echo '{"cniVersion":"{{{newest}}}","code":1,"msg":"incompatible CNI versions"}'; exit 1 ;;
            esac
            [ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"{{{newest}}}","ips":[{"version":"4","address":"10.244.1.222/24","gateway":"10.244.1.1"}],"dns":{"nameservers":["10.96.0.10"]}}'
            """ + "\n");
        var configuration = runtime.Configuration();
        configuration["ipam"] = new JsonObject { ["type"] = "ipam-old" };
        var attachment = await runtime.AddAsync(configuration);

        Assert.Equal("10.244.1.222", attachment.Address);
        Assert.Equal("10.96.0.10", (string?)attachment.Result!["dns"]!["nameservers"]![0]);
        AssertResult("1.1.0", attachment);
        await runtime.RemoveAsync(attachment);
        // It got the DEL in its own version.
        Assert.Contains(await File.ReadAllLinesAsync(log),
            line => line.StartsWith("DEL ", StringComparison.Ordinal) && line.Contains($"\"{newest}\"", StringComparison.Ordinal));
    }

    private static void AssertResult(string version, Attachment attachment)
    {
        var result = attachment.Result!;
        var keys = Keys[version];
        Assert.Equal(version, (string?)result["cniVersion"]);
        Assert.Empty(result.Select(pair => pair.Key).Except(["cniVersion", "interfaces", "ips", "routes", "dns"]));

        var interfaces = result["interfaces"]!.AsArray();
        Assert.All(interfaces, i => Assert.Empty(i!.AsObject().Select(pair => pair.Key).Except(keys.Interface)));
        var inside = Assert.Single(interfaces)!;
        Assert.Equal(attachment.InterfaceName, (string?)inside["name"]);
        Assert.Equal(attachment.NetNsPath, (string?)inside["sandbox"]);
        Assert.Matches("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", (string?)inside["mac"]);
        Assert.Equal(version == "1.1.0" ? 1500 : null, (int?)inside["mtu"]);

        var address = Assert.Single(result["ips"]!.AsArray())!.AsObject();
        Assert.Empty(address.Select(pair => pair.Key).Except(keys.Address));
        Assert.Matches(@"^10\.244\.1\.\d+/32$", (string?)address["address"]);
        Assert.Equal("169.254.1.1", (string?)address["gateway"]);
        Assert.Same(inside, interfaces[(int)address["interface"]!]);
        // Required up to 0.4.0, removed in 1.0.0.
        Assert.Equal(version is "0.3.0" or "0.3.1" or "0.4.0" ? "4" : null, (string?)address["version"]);

        var routes = result["routes"]!.AsArray();
        Assert.All(routes, route => Assert.Empty(route!.AsObject().Select(pair => pair.Key).Except(keys.Route)));
        Assert.Equal(["169.254.1.1/32", "0.0.0.0/0"], routes.Select(route => (string?)route!["dst"]));
        Assert.Equal("169.254.1.1", (string?)routes[1]!["gw"]);
    }

    /// <summary>Checks that the result is true: link, lease and the ACC's endpoint agree with it, and the address answers.</summary>
    private static async Task AssertInterfaceAsync(Lab lab, Attachment attachment)
    {
        var link = (await Shell.RunLineAsync(attachment.Namespace, "ip -o link show eth0").Succeeded()).Output;
        Assert.Contains((string)attachment.Result!["interfaces"]![0]!["mac"]!, link, StringComparison.Ordinal);
        Assert.Contains("mtu 1500", link, StringComparison.Ordinal);
        Assert.Contains($"podnet/{attachment.Address}", LabState.Leases(lab));
        var endpoint = Assert.Single(await LabState.EndpointsAsync(lab), e => (string?)e["containerId"] == attachment.ContainerId);
        Assert.Equal(attachment.Address, (string?)endpoint["addresses"]![0]);
        Assert.Equal(attachment.ContainerId, (string?)endpoint["podName"]);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, attachment.Address));
    }

    /// <summary>
    /// Checks that a command succeeds from one version on and fails with error 1 before, even for an existing attachment.
    /// </summary>
    private static void AssertKnownSince(string since, string version, CniOutcome outcome)
    {
        if (string.CompareOrdinal(version, since) >= 0)
        {
            outcome.IsSilent();
        }
        else
        {
            outcome.Failed(1, version);
        }
    }
}
