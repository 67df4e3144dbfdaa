using System.Text.Json.Nodes;

namespace ACCOffload.Runtime.Tests.Cni;

/// <summary>A container's namespace and what the runtime keeps of its attachment: the parameters, the configuration and the result.</summary>
internal sealed class Attachment(string containerId, string netns, string interfaceName, JsonObject configuration)
{
    public string ContainerId => containerId;

    /// <summary>The namespace's name below /run/netns.</summary>
    public string Namespace => netns;

    public string NetNsPath => $"/run/netns/{netns}";

    public string InterfaceName => interfaceName;

    public JsonObject Configuration { get; } = configuration;

    public string Network => (string)Configuration["name"]!;

    /// <summary>The last ADD's result.</summary>
    public JsonObject? Result { get; set; }

    public string Address => ((string)Result!["ips"]![0]!["address"]!).Split('/')[0];
}
