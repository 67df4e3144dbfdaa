namespace ACCOffload.HostStub.Cni;

/// <summary>What names an attachment, here and on the ACC.</summary>
internal readonly record struct AttachmentKey(string Network, string ContainerId, string InterfaceName)
{
    /// <summary>The network of the host's own interface; no CNI network may have the name.</summary>
    public const string HostNetwork = "accoffload-host";

    public static AttachmentKey ForHost(string interfaceName) => new(HostNetwork, "host", interfaceName);

    public override string ToString() => $"{Network}/{ContainerId}/{InterfaceName}";
}
