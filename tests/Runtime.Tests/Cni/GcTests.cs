using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>GC removes attachments unknown to the runtime, in its own network only.</summary>
public sealed class GcTests(SharedLab shared) : IClassFixture<SharedLab>
{
    [Fact]
    public async Task GC_removes_stale_attachments_of_its_own_network_only()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var (red, blue) =
            (runtime.Configuration(network: "red"), runtime.Configuration(network: "blue", firstAddress: 100, lastAddress: 149));
        var kept = await runtime.AddAsync(red);
        var other = await runtime.AddAsync(blue);
        var before = await LabState.TakeAsync(runtime.Lab);
        var alive = await runtime.AddAsync(red);
        var gone = await runtime.AddAsync(red);
        // As after a host crash: the namespace is gone without a DEL.
        await runtime.Lab.RemoveNamespaceAsync(gone.Namespace);

        (await runtime.GcAsync(red, kept)).IsSilent();

        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        Assert.Equal(["lo"], await LabState.LinksAsync(alive.Namespace));
        foreach (var attachment in new[] { kept, other })
        {
            (await runtime.RunAsync("CHECK", attachment)).IsSilent();
            Assert.True(
                await Lab.PingAsync(runtime.Lab.HostNamespace, attachment.Address), $"{attachment.Network} does not answer any more");
        }

        // A DEL may still follow for an attachment removed by GC.
        (await runtime.RunAsync("DEL", gone)).IsSilent();
        (await runtime.RunAsync("DEL", alive)).IsSilent();
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        await runtime.RemoveAsync(kept);
        await runtime.RemoveAsync(other);
    }

    [Fact]
    public async Task GC_keeps_all_valid_attachments_and_removes_all_others()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var empty = await LabState.TakeAsync(runtime.Lab);
        var configuration = runtime.Configuration(network: "all");
        var (a, b) = (await runtime.AddAsync(configuration), await runtime.AddAsync(configuration));
        var full = await LabState.TakeAsync(runtime.Lab);

        (await runtime.GcAsync(configuration, a, b)).IsSilent();
        Assert.Equal(full, await LabState.TakeAsync(runtime.Lab));
        // Valid attachments that we do not know are ignored.
        (await runtime.GcAsync(configuration, a, b, new Attachment("somebody-else", "x", "eth0", configuration))).IsSilent();
        Assert.Equal(full, await LabState.TakeAsync(runtime.Lab));

        (await runtime.GcAsync(configuration)).IsSilent();
        Assert.Equal(empty, await LabState.TakeAsync(runtime.Lab));
        (await runtime.GcAsync(configuration)).IsSilent();
    }

    /// <summary>An attachment is the container and the interface, not the container alone.</summary>
    [Fact]
    public async Task GC_distinguishes_the_interfaces_of_a_container()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var configuration = runtime.Configuration(network: "pair");
        var first = await runtime.AddAsync(configuration);
        var second = new Attachment(first.ContainerId, first.Namespace, "net1", configuration);
        await runtime.AddAsync(second);

        (await runtime.GcAsync(configuration, first)).IsSilent();

        Assert.Equal(["eth0", "lo"], await LabState.LinksAsync(first.Namespace));
        (await runtime.RunAsync("CHECK", first)).IsSilent();
        await runtime.RemoveAsync(first);
    }

    /// <summary>"Plugins MUST, additionally, forward any GC calls to delegated plugins they are configured to use."</summary>
    [Fact]
    public async Task GC_is_forwarded_to_a_delegated_plugin_that_supports_it()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var log = runtime.Lab.At("ipam-gc.log");
        WriteIpam(runtime, "ipam-gc", log, "");
        var configuration = runtime.Configuration(network: "forwarded");
        configuration["ipam"] = new JsonObject { ["type"] = "ipam-gc" };
        var valid = new Attachment("valid-one", "x", "eth0", configuration);

        (await runtime.GcAsync(configuration, valid)).IsSilent();

        var request =
            JsonNode.Parse((await File.ReadAllLinesAsync(log)).Single(line => line.StartsWith("GC ", StringComparison.Ordinal))[3..])!;
        Assert.Equal("1.1.0", (string?)request["cniVersion"]);
        Assert.Equal("valid-one", (string?)request["cni.dev/valid-attachments"]![0]!["containerID"]);

        // "If an error is encountered, a plugin should continue … and report the errors back."
        WriteIpam(runtime, "ipam-gc", log,
            "[ $CNI_COMMAND != GC ] || { echo '{\"cniVersion\":\"1.1.0\",\"code\":101,\"msg\":\"can not forget\"}'; exit 1; }\n");
        Assert.Contains("can not forget", (await runtime.GcAsync(configuration, valid)).Failed(101).Text, StringComparison.Ordinal);
    }

    internal static void WriteIpam(CniRuntime runtime, string name, string log, string more, string versions = "\"1.0.0\",\"1.1.0\"") =>
        runtime.WritePlugin(name, $$"""
            input=$(cat | tr -d '\n')
            [ $CNI_COMMAND != VERSION ] || { echo '{"cniVersion":"1.1.0","supportedVersions":[{{versions}}]}'; exit 0; }
            echo "$CNI_COMMAND $input" >> {{log}}
            {{more}}
            """ + "\n");
}
