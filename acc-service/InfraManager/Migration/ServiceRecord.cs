namespace ACCOffload.InfraManager.Migration;

/// <summary>
/// A service as 24.01's manager stores it, one for each address, protocol and port. Property names are those of the file.
/// </summary>
/// <param name="ClusterIp">The service's address.</param>
/// <param name="MacAddr">The MAC address of the host's interface; not used.</param>
/// <param name="Proto">TCP or UDP.</param>
/// <param name="Port">The service's port.</param>
/// <param name="GroupID">The number of the row that translates replies, and of the group of backends.</param>
/// <param name="ServiceEndPoint">The backends by address.</param>
/// <param name="NumEndPoints">The number of backends when the service was created; backends that were added later do not count.</param>
internal sealed record ServiceRecord(
    string ClusterIp, string MacAddr, string Proto, ushort Port, uint GroupID,
    IReadOnlyDictionary<string, ServiceEndpointRecord>? ServiceEndPoint, uint NumEndPoints);
