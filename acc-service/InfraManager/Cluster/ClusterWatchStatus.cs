using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Cluster.Watch;

namespace ACCOffload.InfraManager.Cluster;

/// <summary>The watch of the cluster, for <c>ctl status</c>.</summary>
/// <param name="Server">The API server asked last; empty before the first request.</param>
/// <param name="Kinds">One for each kind that is watched.</param>
/// <param name="Services">What became of the services.</param>
internal sealed record ClusterWatchStatus(string Server, IReadOnlyList<ReflectorStatus> Kinds, ServiceControllerStatus Services);
