using System.Net;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>An endpoint of a service port that may be selected for new flows.</summary>
internal sealed record Candidate(
    IPAddress Address, ushort Port, bool IsLocal, bool Ready, bool Serving, bool Terminating, IReadOnlyList<string> ZoneHints)
{
    public BackendKey Key => new(Address, Port);

    /// <summary>Hash of the pod's UID; 0 if unknown.</summary>
    public ulong Uid { get; init; }

    /// <summary>Terminating but still serving: used if nothing is ready.</summary>
    public bool IsFallback => !Ready && Serving && Terminating;
}

/// <summary>
/// The endpoints of a service port that receive new flows, selected as in kube-proxy 1.31 (documentation: "Virtual IPs and Service
/// Proxies", "Service Internal Traffic Policy", "Topology Aware Routing", KEP-1669 proxy terminating endpoints).
/// </summary>
/// <param name="Cluster">Endpoints for traffic policy Cluster; empty if it is not used.</param>
/// <param name="Local">Endpoints for traffic policy Local; empty if it is not used.</param>
/// <param name="HasAny">Whether the cluster has any endpoint for new flows.</param>
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

    /// <summary>Zone hints apply only if every ready endpoint has one and at least one is for this zone.</summary>
    private static bool UsesHints(IReadOnlyCollection<Candidate> candidates, string zone) =>
        zone.Length > 0
        && candidates.Where(c => c.Ready).All(c => c.ZoneHints.Count > 0)
        && candidates.Any(c => c.Ready && c.ZoneHints.Contains(zone));
}
