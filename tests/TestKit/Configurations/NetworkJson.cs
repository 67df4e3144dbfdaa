using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Configurations;

/// <summary>The network configuration that an administrator gives a container runtime, and what a runtime derives from it.</summary>
public static class NetworkJson
{
    public const string Name = "podnet";

    /// <summary>One plugin's part of a list: ours, with addresses from host-local.</summary>
    /// <param name="socket">The agent's.</param>
    /// <param name="leases">The folder of host-local's leases.</param>
    /// <param name="subnet">The pods' addresses.</param>
    public static JsonObject Plugin(string socket, string leases, string subnet = "10.244.1.0/24") => new()
    {
        ["type"] = "accoffload",
        ["socket"] = socket,
        ["ipam"] = new JsonObject
        {
            ["type"] = "host-local",
            ["dataDir"] = leases,
            ["ranges"] = new JsonArray(new JsonArray(new JsonObject { ["subnet"] = subnet })),
        },
    };

    public static JsonObject List(string version, params JsonNode[] plugins) =>
        new() { ["cniVersion"] = version, ["name"] = Name, ["plugins"] = new JsonArray(plugins) };

    /// <summary>The standard input of a plugin: its part of the list, with the list's version and name.</summary>
    public static JsonObject Request(JsonObject plugin, string version, string name = Name)
    {
        var request = plugin.DeepClone().AsObject();
        request["cniVersion"] = version;
        request["name"] = name;
        return request;
    }

    /// <summary>Adds the result of ADD, which a runtime gives to CHECK and DEL.</summary>
    public static JsonObject WithPrevious(this JsonObject request, string command, JsonNode? result)
    {
        if (command is "CHECK" or "DEL" && result is not null)
        {
            request["prevResult"] = result.DeepClone();
        }

        return request;
    }
}
