namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>An entry of a rule's list of ports.</summary>
/// <param name="Protocol">The IP protocol number; null, for a name in a ClusterNetworkPolicy, is every protocol.</param>
/// <param name="Port">The port; null for a name, or for every port.</param>
/// <param name="EndPort">The last port of a range; null for a single one.</param>
/// <param name="Name">The name of the destination pod's port; empty for a number.</param>
internal readonly record struct PolicyPort(byte? Protocol, ushort? Port, ushort? EndPort = null, string Name = "");
