namespace ACCOffload.InfraManager.ControlProtocol;

/// <summary>
/// A kind of flow or client that the pipeline k8s_dp counts per port. Limits and periods are compiled into the pipeline and missing
/// from P4Info; a test compares these values with the P4 sources.
/// </summary>
/// <param name="Name">Name in output for people and programs.</param>
/// <param name="Register">Name of the register with the counts, indexed by port number.</param>
/// <param name="PodLimit">Limit for a pod's port.</param>
/// <param name="NodeLimit">Limit for the host's port and for uplinks.</param>
/// <param name="Period">Seconds after which a count is reset.</param>
internal sealed record ShareKind(string Name, string Register, uint PodLimit, uint NodeLimit, uint Period)
{
    public static IReadOnlyList<ShareKind> All { get; } =
    [
        new("unanswered", "unanswered", 4096, 16384, 60),
        new("datagrams", "datagrams", 16384, 65536, 120),
        new("connections", "open_connections", 8192, 65536, 43200),
        new("clients", "known_clients", 4096, 16384, 43200),
        new("fragmented", "fragmented_packets", 4096, 16384, 30),
    ];
}
