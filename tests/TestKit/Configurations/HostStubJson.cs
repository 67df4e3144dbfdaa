using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Configurations;

/// <summary>host-stub.json: what a test does not set has the product's default.</summary>
public static class HostStubJson
{
    /// <summary>The minimum that the agent needs to start: the ACC's address, and no host interface.</summary>
    public static JsonObject Create(string acc) => new JsonObject().Set("Acc:Address", acc).Set("HostInterface:Enabled", false);

    public static JsonObject WithAgent(this JsonObject configuration, string socket, string store) => configuration
        .Set("Agent:Socket", socket)
        .Set("Agent:Store", store);

    /// <summary>The network namespace of the data-plane ends, by its name in /run/netns.</summary>
    public static JsonObject WithPorts(this JsonObject configuration, string netns) =>
        configuration.Set("Device:PortNamespace", $"/run/netns/{netns}");

    public static JsonObject WithHostInterface(
        this JsonObject configuration, string name, string address, string route, bool enabled = true) => configuration
        .Set("HostInterface:Enabled", enabled)
        .Set("HostInterface:Name", name)
        .Set("HostInterface:Addresses", new JsonArray(address))
        .Set("HostInterface:Routes", new JsonArray(route));
}
