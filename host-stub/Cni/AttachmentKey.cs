namespace ACCOffload.HostStub.Cni;

/// <summary>Identifies an attachment, on the host and on the ACC.</summary>
internal readonly record struct AttachmentKey(string Network, string ContainerId, string InterfaceName)
{
    /// <summary>The network of the host's own interface. No CNI network may use this name.</summary>
    public const string HostNetwork = "accoffload-host";

    public static AttachmentKey ForHost(string interfaceName) => new(HostNetwork, "host", interfaceName);

    public override string ToString() => $"{Network}/{ContainerId}/{InterfaceName}";
}
