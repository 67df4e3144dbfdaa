namespace ACCOffload.InfraManager.State.Values;

/// <summary>Identifies an attachment within one API: CNI network name, container ID, interface name in the container.</summary>
internal readonly record struct AttachmentKey(string Network, string ContainerId, string InterfaceName)
{
    public override string ToString() => $"{Network}/{ContainerId}/{InterfaceName}";
}
