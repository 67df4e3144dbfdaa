namespace ACCOffload.Felix.Tests.Calico;

/// <summary>A pod, as Calico's datastore has it. Policy selects it by the label <c>app</c>.</summary>
internal sealed record CalicoEndpoint(string Namespace, string Name, string Node, string Address, string App);
