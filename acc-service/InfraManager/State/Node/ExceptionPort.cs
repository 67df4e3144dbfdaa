namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The port between the pipeline and the ACC's kernel. The pipeline sends it ARP from the uplink and packets whose neighbour is not
/// resolved; what the kernel sends leaves through the uplink.
/// </summary>
/// <param name="Port">The port's name on the target.</param>
/// <param name="Interface">The kernel's interface at its other end.</param>
/// <param name="Namespace">The path of the network namespace in which that interface is.</param>
internal sealed record ExceptionPort(string Port, string Interface, string Namespace);
