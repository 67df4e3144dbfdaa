using System.Net;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>An endpoint of one service port, before it is decided who gets flows.</summary>
internal sealed record Candidate(IPAddress Address, ushort Port, bool IsLocal, bool Ready, bool Serving, bool Terminating, IReadOnlyList<string> ZoneHints)
{
    public BackendKey Key => new(Address, Port);

    /// <summary>As in the slice.</summary>
    public ulong Uid { get; init; }

    /// <summary>Ends but still answers: the last resort.</summary>
    public bool IsFallback => !Ready && Serving && Terminating;
}

/// <summary>
/// Which endpoints of a service port get new flows, as kube-proxy 1.31 decides it (documentation: "Virtual IPs and Service Proxies", "Service Internal
/// Traffic Policy", "Topology Aware Routing", KEP-1669 proxy terminating endpoints).
/// </summary>
/// <param name="Cluster">Where the traffic policy is Cluster; empty when it is so nowhere.</param>
/// <param name="Local">Where the traffic policy is Local; empty when it is so nowhere.</param>
/// <param name="HasAny">Whether there is an endpoint for new flows anywhere in the cluster.</param>
internal sealed record EndpointSelection(IReadOnlySet<BackendKey> Cluster, IReadOnlySet<BackendKey> Local, bool HasAny)
{
    public static EndpointSelection Of(IReadOnlyCollection<Candidate> candidates, bool usesCluster, bool usesLocal, string zone)
    {
        HashSet<BackendKey> cluster = [], local = [];
        if (usesCluster)
        {
            var byZone = UsesHints(candidates, zone);
            cluster.UnionWith(candidates.Where(c => c.Ready && (!byZone || c.ZoneHints.Contains(zone))).Select(c => c.Key));
            if (cluster.Count == 0)
            {
                cluster.UnionWith(candidates.Where(c => c.IsFallback).Select(c => c.Key));
            }
        }
        if (usesLocal)
        {
            local.UnionWith(candidates.Where(c => c.IsLocal && c.Ready).Select(c => c.Key));
            if (local.Count == 0)
            {
                local.UnionWith(candidates.Where(c => c.IsLocal && c.IsFallback).Select(c => c.Key));
            }
        }
        return new EndpointSelection(cluster, local, candidates.Any(c => c.Ready || c.IsFallback));
    }

    /// <summary>Hints count only when every ready endpoint has some, and at least one is meant for this zone.</summary>
    private static bool UsesHints(IReadOnlyCollection<Candidate> candidates, string zone) =>
        zone.Length > 0
        && candidates.Where(c => c.Ready).All(c => c.ZoneHints.Count > 0)
        && candidates.Any(c => c.Ready && c.ZoneHints.Contains(zone));
}
