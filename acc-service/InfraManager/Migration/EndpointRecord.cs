namespace ACCOffload.InfraManager.Migration;

/// <summary>An endpoint as 24.01's manager stores it, by its address. Property names are those of the file.</summary>
/// <param name="ModPtr">The number of the row that rewrites headers; 0 with P4-DPDK, which has no such rows.</param>
/// <param name="InterfaceID">The port's number in the pipeline.</param>
/// <param name="PodIpAddress">The address, also of the host's interface, of the node and of the gateway.</param>
/// <param name="PodMacAddress">The device's MAC address.</param>
internal sealed record EndpointRecord(uint ModPtr, uint InterfaceID, string PodIpAddress, string PodMacAddress);
