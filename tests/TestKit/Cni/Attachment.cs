using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Cni;

/// <summary>A container's namespace and the runtime's record of its attachment: parameters, configuration and result.</summary>
public sealed class Attachment(string containerId, string netns, string interfaceName, JsonObject configuration)
{
    public string ContainerId => containerId;

    /// <summary>The name of the namespace in /run/netns.</summary>
    public string Namespace => netns;

    public string NetNsPath => $"/run/netns/{netns}";

    public string InterfaceName => interfaceName;

    public JsonObject Configuration { get; } = configuration;

    public string Network => (string)Configuration["name"]!;

    /// <summary>The result of the last ADD.</summary>
    public JsonObject? Result { get; set; }

    public string Address => ((string)Result!["ips"]![0]!["address"]!).Split('/')[0];
}
