namespace ACCOffload.TestKit.Configurations;

/// <summary>The environment of a CNI plugin, as a runtime sets it.</summary>
public static class PluginVariables
{
    /// <summary>The variables of a command without an attachment: VERSION, STATUS, GC.</summary>
    public static Dictionary<string, string> Of(string command, string path) => new() { ["CNI_COMMAND"] = command, ["CNI_PATH"] = path };

    /// <summary>The variables of a command for an attachment.</summary>
    /// <param name="command">ADD, DEL or CHECK.</param>
    /// <param name="path">The folders of the plugins, with ':' between them.</param>
    /// <param name="containerId">The container.</param>
    /// <param name="netns">The path of its network namespace.</param>
    /// <param name="podName">The pod's name in Kubernetes.</param>
    /// <param name="interfaceName">The interface in the namespace.</param>
    public static Dictionary<string, string> Of(
        string command, string path, string containerId, string netns, string podName, string interfaceName = "eth0")
    {
        var variables = Of(command, path);
        variables["CNI_CONTAINERID"] = containerId;
        variables["CNI_NETNS"] = netns;
        variables["CNI_IFNAME"] = interfaceName;
        variables["CNI_ARGS"] = $"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={podName}";
        return variables;
    }
}
