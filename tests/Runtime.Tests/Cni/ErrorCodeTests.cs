using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cni;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>The error codes of section 5 of the specification, with the required contents of their messages.</summary>
public sealed class ErrorCodeTests(SharedLab shared) : IClassFixture<SharedLab>
{
    [Theory]
    [InlineData("ADD", "9.9.9")]
    [InlineData("ADD", "0.2.0")]
    [InlineData("ADD", "1.0")]
    [InlineData("CHECK", "0.3.1")] // CHECK requires 0.4.0.
    [InlineData("GC", "1.0.0")] // GC and STATUS require 1.1.0.
    [InlineData("STATUS", "1.0.0")]
    [InlineData("STATUS", "0.3.1")]
    public async Task Code_1_if_the_version_is_unknown_or_too_old_for_the_command(string command, string version)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync(runtime.Configuration(version));
        var outcome = command is "GC" or "STATUS"
            ? await runtime.RunAsync(command, WithAttachments(attachment.Configuration))
            : await runtime.RunAsync(command, attachment, c => c["prevResult"] = new JsonObject { ["cniVersion"] = version });
        Assert.Contains(version, outcome.Failed(1, version).Text, StringComparison.Ordinal);
        await AssertNothingLeftAsync(runtime, attachment);
    }

    [Fact]
    public async Task Code_1_without_a_version_which_means_0_1_0()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        var outcome = await runtime.RunAsync("ADD", attachment, c => c.Remove("cniVersion"));
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Equal(1, (int?)JsonNode.Parse(outcome.Output)!["code"]);
    }

    [Theory]
    [InlineData("ipMasq", "true")]
    [InlineData("runtimeConfig.infinibandGUID", "\"c2:11:22:33:44:55:66:77\"")]
    public async Task Code_2_names_the_unsupported_key_and_value(string key, string value)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        var outcome = await runtime.RunAsync("ADD", attachment, c => Set(c, key, JsonNode.Parse(value)!));
        var error = outcome.Failed(2);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.Contains(value, error.Message, StringComparison.Ordinal);
        await AssertNothingLeftAsync(runtime, attachment);
    }

    [Fact]
    public async Task Code_3_for_CHECK_of_a_container_that_is_not_attached()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        var stranger = await runtime.NewAsync();
        stranger.Result = attachment.Result;
        Assert.Contains(stranger.ContainerId, (await runtime.RunAsync("CHECK", stranger)).Failed(3).Text, StringComparison.Ordinal);

        await runtime.RemoveAsync(attachment);
        (await runtime.RunAsync("CHECK", attachment)).Failed(3);
    }

    [Theory]
    [InlineData("ADD", "CNI_CONTAINERID")]
    [InlineData("ADD", "CNI_NETNS")]
    [InlineData("ADD", "CNI_IFNAME")]
    [InlineData("DEL", "CNI_CONTAINERID")]
    [InlineData("DEL", "CNI_IFNAME")]
    [InlineData("CHECK", "CNI_CONTAINERID")]
    [InlineData("CHECK", "CNI_NETNS")]
    [InlineData("CHECK", "CNI_IFNAME")]
    [InlineData("GC", "CNI_PATH")]
    public async Task Code_4_names_a_missing_or_empty_variable(string command, string variable)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        foreach (var change in new Action<Dictionary<string, string>>[] { v => v.Remove(variable), v => v[variable] = "" })
        {
            var outcome = await runtime.RunAsync(command, attachment, c => c["cni.dev/valid-attachments"] = new JsonArray(), change);
            Assert.Contains(variable, FailedBeforeTheConfiguration(outcome), StringComparison.Ordinal);
        }

        await AssertNothingLeftAsync(runtime, attachment);
    }

    [Theory]
    [InlineData("CNI_COMMAND", "add")]
    [InlineData("CNI_COMMAND", "ADD ")]
    [InlineData("CNI_COMMAND", "UPDATE")]
    [InlineData("CNI_CONTAINERID", "-leading")]
    [InlineData("CNI_CONTAINERID", "a b")]
    [InlineData("CNI_CONTAINERID", "a/b")]
    [InlineData("CNI_CONTAINERID", "a\nb")]
    [InlineData("CNI_IFNAME", "0123456789abcdef")] // 16 characters; the kernel allows 15.
    [InlineData("CNI_IFNAME", "a/b")]
    [InlineData("CNI_IFNAME", "a b")]
    [InlineData("CNI_IFNAME", "a:b")]
    [InlineData("CNI_IFNAME", "..")]
    [InlineData("CNI_IFNAME", ".")]
    public async Task Code_4_names_a_variable_with_an_invalid_value(string variable, string value)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        var outcome = await runtime.RunAsync("ADD", attachment, null, v => v[variable] = value);
        Assert.Contains(variable, FailedBeforeTheConfiguration(outcome), StringComparison.Ordinal);
        await AssertNothingLeftAsync(runtime, attachment);
    }

    /// <summary>Like the plugins of the reference library, for a user who runs the plugin by hand.</summary>
    [Fact]
    public async Task Without_a_command_the_plugin_describes_itself_and_fails()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var outcome = await runtime.RunAsync("", await runtime.NewAsync());
        Assert.Equal(2, outcome.ExitCode);
        Assert.All(new[] { "CNI plugin", "host-stub agent", "1.1.0" },
            words => Assert.Contains(words, outcome.ErrorText, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Code_4_names_all_missing_variables()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var outcome = await runtime.ExecuteAsync("accoffload", runtime.Configuration().ToJsonString(),
            new Dictionary<string, string> { ["CNI_COMMAND"] = "ADD" });
        var text = FailedBeforeTheConfiguration(outcome);
        Assert.All(new[] { "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME" }, name => Assert.Contains(name, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Code_5_if_standard_input_cannot_be_read()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        // A directory can be opened but not read.
        runtime.WritePlugin("unreadable", $"exec {runtime.Find("accoffload")} < /");
        var outcome = await runtime.ExecuteAsync("unreadable", "", runtime.Environment("ADD", attachment));
        Assert.Equal(5, (int?)JsonNode.Parse(outcome.Output)!["code"]);
        Assert.NotEqual(0, outcome.ExitCode);
    }

    [Fact]
    public async Task Code_5_if_standard_input_is_larger_than_a_mebibyte()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var input = new JsonObject { ["x"] = new string('x', 1 << 20) }.ToJsonString();
        (await runtime.ExecuteAsync("accoffload", input, runtime.Environment("ADD", await runtime.NewAsync()))).Failed(5);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{\"cniVersion\": \"1.0.0\",")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("network")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\"} {}")]
    [InlineData("{\"cniVersion\":1.1,\"name\":\"podnet\"}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":[]}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"ipam\":\"host-local\"}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"ipam\":{\"type\":7}}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"mtu\":\"1500\"}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"dns\":[]}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"prevResult\":[]}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"prevResult\":{\"ips\":[{\"address\":\"10.1.2.3\"}]}}")]
    [InlineData("{\"cniVersion\":\"1.1.0\",\"name\":\"podnet\",\"prevResult\":{\"ips\":{}}}")]
    public async Task Code_6_if_the_content_cannot_be_decoded(string input)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        // Some of it is only read by the agent.
        input = input.Replace("\"podnet\"", $"\"podnet\",\"socket\":\"{runtime.Lab.At("host-stub.sock")}\"", StringComparison.Ordinal);
        var outcome = await runtime.ExecuteAsync("accoffload", input, runtime.Environment("ADD", attachment));
        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal(6, (int?)JsonNode.Parse(outcome.Output)!["code"]);
        await AssertNothingLeftAsync(runtime, attachment);
    }

    [Theory]
    [InlineData("name", null)]
    [InlineData("name", "\"\"")]
    [InlineData("name", "\"-net\"")]
    [InlineData("name", "\"a/b\"")]
    [InlineData("ipam", null)]
    [InlineData("ipam", "{}")]
    [InlineData("ipam", "{\"type\":\"no-such-plugin\"}")]
    [InlineData("ipam", "{\"type\":\"../host-local\"}")]
    [InlineData("ipam", "{\"type\":\"../../bin/sh\"}")]
    [InlineData("mtu", "67")]
    [InlineData("mtu", "-1")]
    [InlineData("mtu", "70000")]
    [InlineData("socket", "\"relative.sock\"")]
    [InlineData("runtimeConfig.portMappings", "[{\"hostPort\":8080,\"containerPort\":0,\"protocol\":\"tcp\"}]")]
    [InlineData("runtimeConfig.portMappings", "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"gre\"}]")]
    [InlineData("runtimeConfig.portMappings", "[{\"hostPort\":80,\"containerPort\":8080,\"protocol\":\"sctp\"}]")]
    public async Task Code_7_for_an_invalid_configuration(string key, string? value)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        var outcome = await runtime.RunAsync("ADD", attachment, c => Set(c, key, value is null ? null : JsonNode.Parse(value)));
        var error = outcome.Failed(7);
        Assert.Contains(key == "ipam" ? "IPAM" : key, error.Text, StringComparison.OrdinalIgnoreCase);
        if (value?.Contains("no-such-plugin", StringComparison.Ordinal) == true)
        {
            Assert.Contains("\"no-such-plugin\" is not in CNI_PATH", error.Message, StringComparison.Ordinal);
        }

        await AssertNothingLeftAsync(runtime, attachment);
    }

    [Fact]
    public async Task Code_7_for_CHECK_without_prevResult_and_GC_without_attachments()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.AddAsync();
        var before = await LabState.TakeAsync(runtime.Lab);
        Assert.Contains("prevResult", (await runtime.RunAsync("CHECK", attachment, c => c.Remove("prevResult"))).Failed(7).Text,
            StringComparison.Ordinal);
        Assert.Contains("cni.dev/valid-attachments", (await runtime.RunAsync("GC", runtime.Configuration())).Failed(7).Text,
            StringComparison.Ordinal);
        Assert.Equal(before, await LabState.TakeAsync(runtime.Lab));
        (await runtime.RunAsync("CHECK", attachment)).IsSilent();
        await runtime.RemoveAsync(attachment);
    }

    [Fact]
    public async Task Code_7_for_an_address_outside_the_node_ranges()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var configuration = runtime.Configuration(network: "elsewhere");
        configuration["ipam"]!["ranges"] = new JsonArray(new JsonArray(new JsonObject { ["subnet"] = "10.99.0.0/24" }));
        var attachment = await runtime.NewAsync(configuration);
        Assert.Contains("10.99.0.", (await runtime.RunAsync("ADD", attachment)).Failed(7).Text, StringComparison.Ordinal);
        await AssertNothingLeftAsync(runtime, attachment);
    }

    /// <summary>The reference library uses 8 for these; the specification does not define a code.</summary>
    [Fact]
    public async Task Code_8_for_an_invalid_namespace_or_the_host_namespace()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var attachment = await runtime.NewAsync();
        foreach (var path in new[] { "/run/netns/no-such-namespace", "/etc/hostname", "/proc/self/ns/mnt",
            "/proc/self/ns/net", "/run/netns/" + runtime.Lab.HostNamespace })
        {
            var outcome = await runtime.RunAsync("ADD", attachment, null, v => v["CNI_NETNS"] = path);
            Assert.Contains("CNI_NETNS", outcome.Failed(8).Text, StringComparison.Ordinal);
            await AssertNothingLeftAsync(runtime, attachment);
        }
    }

    [Fact]
    public async Task Code_11_until_an_address_is_free()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var configuration = runtime.Configuration(network: "one", firstAddress: 200, lastAddress: 200);
        var first = await runtime.AddAsync(configuration);
        var second = await runtime.NewAsync(configuration);

        Assert.Contains("no IP addresses available", (await runtime.RunAsync("ADD", second)).Failed(11).Text, StringComparison.Ordinal);
        await AssertNothingLeftAsync(runtime, second);
        // STATUS must not report exhausted addresses: the runtime would evict healthy pods.
        (await runtime.RunAsync("STATUS", configuration)).IsSilent();

        await runtime.RemoveAsync(first);
        await runtime.AddAsync(second);
        Assert.Equal("10.244.1.200", second.Address);
        await runtime.RemoveAsync(second);
    }

    /// <summary>As before the agent's first start; an agent that was killed leaves its socket behind.</summary>
    [Theory]
    [InlineData("ADD", "1.0.0", 11)]
    [InlineData("CHECK", "1.0.0", 11)]
    [InlineData("STATUS", "1.1.0", 50)]
    public async Task Code_11_or_50_without_the_agents_socket(string command, string version, int code)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var configuration = runtime.Configuration(version);
        configuration["socket"] = "/run/there-is-none.sock";
        var outcome = await runtime.RunAsync(command, await runtime.NewAsync(configuration));
        Assert.Contains("/run/there-is-none.sock: No such file or directory; is it running?", outcome.Failed(code, version).Text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Code_999_if_the_IPAM_plugin_fails_without_an_error_object(bool alsoForDel)
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var log = runtime.Lab.At($"ipam-silent-{alsoForDel}.log");
        runtime.WritePlugin("ipam-silent", $"""
            cat > /dev/null
            echo $CNI_COMMAND >> {log}
            {(alsoForDel ? "" : "[ $CNI_COMMAND != DEL ] || exit 0")}
            echo 'the disk is on fire' >&2
            exit 3
            """ + "\n");
        var configuration = runtime.Configuration();
        configuration["ipam"] = new JsonObject { ["type"] = "ipam-silent" };
        var attachment = await runtime.NewAsync(configuration);
        var outcome = await runtime.RunAsync("ADD", attachment);
        var error = outcome.Failed(999);
        Assert.Contains("ipam-silent failed with exit code 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("the disk is on fire", error.Details, StringComparison.Ordinal);
        // Standard error of a delegated plugin is passed on.
        Assert.Contains("the disk is on fire", outcome.ErrorText + outcome.Output, StringComparison.Ordinal);
        Assert.Contains("DEL", await File.ReadAllLinesAsync(log));
        await AssertNothingLeftAsync(runtime, attachment, claimToo: !alsoForDel);
    }

    [Fact]
    public async Task An_error_of_a_delegated_plugin_keeps_its_code_and_its_DEL_runs()
    {
        Needs.Lab();
        var runtime = await shared.RuntimeAsync();
        var log = runtime.Lab.At("ipam-123.log");
        runtime.WritePlugin("ipam-123", $$"""
            cat > /dev/null
            echo $CNI_COMMAND $CNI_CONTAINERID >> {{log}}
            [ $CNI_COMMAND != ADD ] || { echo '{"cniVersion":"1.0.0","code":123,"msg":"out of luck","details":"no luck left"}'; exit 1; }
            """);
        var configuration = runtime.Configuration();
        configuration["ipam"] = new JsonObject { ["type"] = "ipam-123" };
        var attachment = await runtime.NewAsync(configuration);
        var error = (await runtime.RunAsync("ADD", attachment)).Failed(123);
        Assert.Contains("out of luck", error.Message, StringComparison.Ordinal);
        Assert.Contains("no luck left", error.Details, StringComparison.Ordinal);
        Assert.Equal([$"ADD {attachment.ContainerId}", $"DEL {attachment.ContainerId}"], await File.ReadAllLinesAsync(log));
        await AssertNothingLeftAsync(runtime, attachment);
    }

    // The configuration may not have been read yet, so the error has the newest version or the configuration's; they are the same here.
    private static string FailedBeforeTheConfiguration(CniOutcome outcome) => outcome.Failed(4).Text;

    private static JsonObject WithAttachments(JsonObject configuration)
    {
        var copy = configuration.DeepClone().AsObject();
        copy["cni.dev/valid-attachments"] = new JsonArray();
        return copy;
    }

    private static void Set(JsonObject configuration, string key, JsonNode? value)
    {
        var parts = key.Split('.');
        if (value is null)
        {
            configuration.Remove(key);
        }
        else if (parts.Length == 1)
        {
            configuration[key] = value;
        }
        else
        {
            configuration[parts[0]] = new JsonObject { [parts[1]] = value };
        }
    }

    /// <summary>Checks that a rejected ADD left nothing behind.</summary>
    private static async Task AssertNothingLeftAsync(CniRuntime runtime, Attachment attachment, bool claimToo = true)
    {
        Assert.Equal(["lo"], await LabState.LinksAsync(attachment.Namespace));
        Assert.False(await LabState.HasEndpointAsync(runtime.Lab, attachment.Network, attachment.ContainerId, attachment.InterfaceName),
            "the ACC still has an endpoint");
        if (claimToo)
        {
            Assert.DoesNotContain(await LabState.ClaimsAsync(runtime.Lab),
                claim => claim.Contains(attachment.ContainerId, StringComparison.Ordinal));
        }

        Assert.DoesNotContain(await LeasesOfAsync(runtime), lease => lease.Contains(attachment.ContainerId, StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyList<string>> LeasesOfAsync(CniRuntime runtime)
    {
        var leases = new List<string>();
        foreach (var lease in LabState.Leases(runtime.Lab))
        {
            leases.Add(await File.ReadAllTextAsync(Path.Combine(runtime.Lab.At("ipam"), lease)));
        }

        return leases;
    }
}
