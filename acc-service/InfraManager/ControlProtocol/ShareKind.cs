namespace ACCOffload.InfraManager.ControlProtocol;

/// <summary>
/// A kind of flow, or of client, that the pipeline k8s_dp counts for each port. Limits and periods are compiled into it, and P4Info does not tell them: a test
/// compares these with its sources.
/// </summary>
/// <param name="Name">For people and programs.</param>
/// <param name="Register">The array of counts, indexed by the port's number.</param>
/// <param name="PodLimit">How many a pod's port may have.</param>
/// <param name="NodeLimit">How many the host's port, or an uplink, may have.</param>
/// <param name="Period">Seconds after which a count begins anew.</param>
internal sealed record ShareKind(string Name, string Register, uint PodLimit, uint NodeLimit, uint Period)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<ShareKind> All { get; } =
    [
        new("unanswered", "unanswered", 4096, 16384, 60),
        new("datagrams", "datagrams", 16384, 65536, 120),
        new("connections", "open_connections", 8192, 65536, 43200),
        new("clients", "known_clients", 4096, 16384, 43200),
        new("fragmented", "fragmented_packets", 4096, 16384, 30),
    ];
}
