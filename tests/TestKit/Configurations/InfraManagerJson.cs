using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Configurations;

/// <summary>inframanager.json: what a test does not set has the product's default.</summary>
public static class InfraManagerJson
{
    /// <summary>The minimum that it needs to start, and the addresses of node and host if they are given.</summary>
    public static JsonObject Create(string? nodeAddress = null, string? hostAddress = null)
    {
        var configuration = new JsonObject().Set("Node:Name", "node-1").Set("Node:PodRanges", new JsonArray("10.244.1.0/24"));
        if (nodeAddress is not null)
        {
            configuration.Set("Node:NodeAddresses", new JsonArray(nodeAddress));
        }

        if (hostAddress is not null)
        {
            configuration.Set("Node:HostAddresses", new JsonArray(hostAddress));
        }

        return configuration;
    }

    /// <summary>The API for the agent, with the certificates of a folder.</summary>
    /// <param name="configuration">What is changed.</param>
    /// <param name="listen">The address with mutual TLS.</param>
    /// <param name="certificates">The folder of tls.crt, tls.key and ca.crt.</param>
    /// <param name="health">The address of the health check; "" for none.</param>
    public static JsonObject WithApi(this JsonObject configuration, string listen, string certificates, string health = "") => configuration
        .Set("Api:Listen", listen)
        .Set("Api:HealthListen", health)
        .WithCertificates("Api", certificates);

    /// <summary>The target's P4Runtime and gNMI on one unix socket.</summary>
    /// <param name="configuration">What is changed.</param>
    /// <param name="kind">"embedded" or "external".</param>
    /// <param name="socket">The path of the socket.</param>
    public static JsonObject WithTarget(this JsonObject configuration, string kind, string socket) => configuration
        .Set("Target:Kind", kind)
        .Set("Target:P4Runtime", $"unix:{socket}")
        .Set("Target:Gnmi", $"unix:{socket}");

    /// <summary>A soft target that is served on a unix socket and has its ports in a network namespace.</summary>
    public static JsonObject WithSoftTarget(this JsonObject configuration, string socket, string portNamespace) => configuration
        .Set("SoftTarget:Listen", $"unix:{socket}")
        .Set("SoftTarget:PortNamespace", portNamespace);

    public static JsonObject WithStore(this JsonObject configuration, string path) => configuration.Set("Store:Path", path);

    public static JsonObject WithControl(this JsonObject configuration, string socket) => configuration.Set("Control:Socket", socket);
}
