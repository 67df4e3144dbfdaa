using System.Text.Json.Nodes;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Cni;

/// <summary>
/// A container runtime for one plugin, according to section 3 of the specification: derives the request configuration, sets the
/// environment, runs the executable in the host's namespace and keeps the result. Tests may also make it violate the specification.
/// </summary>
public sealed class CniRuntime(Lab lab)
{
    private static int _count;

    public Lab Lab => lab;

    /// <summary>
    /// The lab's configuration with this version, network name and address range. Networks of one lab need different ranges.
    /// </summary>
    public JsonObject Configuration(string version = "1.1.0", string network = "podnet", int firstAddress = 10, int lastAddress = 99)
    {
        var configuration = lab.PluginConfiguration();
        configuration["cniVersion"] = version;
        configuration["name"] = network;
        var range = configuration["ipam"]!["ranges"]![0]![0]!.AsObject();
        range["rangeStart"] = $"10.244.1.{firstAddress}";
        range["rangeEnd"] = $"10.244.1.{lastAddress}";
        return configuration;
    }

    /// <summary>Creates a namespace without an attachment.</summary>
    public async Task<Attachment> NewAsync(JsonObject? configuration = null)
    {
        var name = $"c{Interlocked.Increment(ref _count)}";
        var netns = await lab.AddNamespaceAsync(name);
        return new Attachment($"container-{name}", netns, "eth0", configuration ?? Configuration());
    }

    public async Task<Attachment> AddAsync(JsonObject? configuration = null)
    {
        var attachment = await NewAsync(configuration);
        await AddAsync(attachment);
        return attachment;
    }

    public async Task<JsonObject> AddAsync(Attachment attachment)
    {
        var outcome = await RunAsync("ADD", attachment);
        return attachment.Result = outcome.Result();
    }

    /// <summary>The MAC of the gateway as seen by the pod.</summary>
    public async Task<string> GatewayMacAsync(Attachment attachment)
    {
        Assert.True(await Lab.PingAsync(lab.HostNamespace, attachment.Address));
        var neighbours = await Shell.RunLineAsync(attachment.Namespace, "ip -j neigh show 169.254.1.1").Succeeded();
        return (string)JsonNode.Parse(neighbours.Output)![0]!["lladdr"]!;
    }

    /// <summary>Runs DEL and removes the namespace, as at the end of a pod.</summary>
    public async Task RemoveAsync(Attachment attachment)
    {
        (await RunAsync("DEL", attachment)).IsSilent();
        await lab.RemoveNamespaceAsync(attachment.Namespace);
    }

    public Dictionary<string, string> Environment(string command, Attachment? attachment) => attachment is null
        ? PluginVariables.Of(command, lab.PluginPath)
        : PluginVariables.Of(
            command, lab.PluginPath, attachment.ContainerId, attachment.NetNsPath, attachment.ContainerId, attachment.InterfaceName);

    /// <summary>The request configuration, for CHECK and DEL with the result of ADD.</summary>
    public static JsonObject Request(string command, Attachment attachment) =>
        attachment.Configuration.DeepClone().AsObject().WithPrevious(command, attachment.Result);

    /// <summary>Runs ADD, DEL or CHECK; the test may change the request and the environment.</summary>
    public Task<CniOutcome> RunAsync(string command, Attachment attachment, Action<JsonObject>? change = null,
        Action<Dictionary<string, string>>? variables = null)
    {
        var request = Request(command, attachment);
        change?.Invoke(request);
        var environment = Environment(command, attachment);
        variables?.Invoke(environment);
        return ExecuteAsync((string?)request["type"] ?? "accoffload", request.ToJsonString(), environment);
    }

    /// <summary>Runs STATUS, GC, VERSION or another command without an attachment.</summary>
    public Task<CniOutcome> RunAsync(string command, JsonObject configuration) =>
        ExecuteAsync("accoffload", configuration.ToJsonString(), Environment(command, null));

    public Task<CniOutcome> GcAsync(JsonObject configuration, params Attachment[] valid)
    {
        var request = configuration.DeepClone().AsObject();
        request["cni.dev/valid-attachments"] = new JsonArray(
            [.. valid.Select(a => new JsonObject { ["containerID"] = a.ContainerId, ["ifname"] = a.InterfaceName })]);
        return RunAsync("GC", request);
    }

    public async Task<CniOutcome> ExecuteAsync(string plugin, string input, IReadOnlyDictionary<string, string> environment)
    {
        var run = await lab.RunPluginAsync(Find(plugin), input, environment);
        return new CniOutcome($"{environment.GetValueOrDefault("CNI_COMMAND")} of {plugin}", run);
    }

    public string Find(string plugin) =>
        File.Exists(lab.At($"cni-bin/{plugin}")) ? lab.At($"cni-bin/{plugin}") : $"{Needs.CniPluginFolder}/{plugin}";

    /// <summary>Writes a plugin as a shell script next to ours.</summary>
    public void WritePlugin(string name, string script)
    {
        var path = lab.At($"cni-bin/{name}");
        File.WriteAllText(path, "#!/bin/sh\nset -eu\n" + script);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }
}
