using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Watch;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the cluster's services are known and current. Short interruptions don't count.</summary>
/// <param name="kubeconfig">The file that the API server is reached by.</param>
/// <param name="time">The clock.</param>
internal sealed class WatchCondition(string kubeconfig, TimeProvider time)
{
    /// <summary>How long a watch may be interrupted before what is known counts as stale.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private long? _interrupted;

    /// <summary>Judges the watch as it is now; called regularly.</summary>
    public Condition Judge(ClusterWatchStatus status)
    {
        // The node itself only narrows the choice of backends.
        var kinds = status.Kinds.Where(k => k.Kind != "Node").ToList();
        if (kinds.Find(k => !k.Synced) is { } missing)
        {
            return File.Exists(kubeconfig)
                ? Condition.Unmet(ConditionNames.Watch, $"{missing.Kind} objects were not listed yet{After(missing)}")
                : Condition.Met(ConditionNames.Watch, $"there is no {kubeconfig}: services are not watched");
        }
        var interrupted = kinds.Find(k => k.Phase is not (ReflectorPhase.Watching or ReflectorPhase.Listing));
        lock (_gate)
        {
            if (interrupted is null)
            {
                _interrupted = null;
            }
            else if (time.GetElapsedTime(_interrupted ??= time.GetTimestamp()) >= Grace)
            {
                return Condition.Unmet(ConditionNames.Watch, $"the watch of {interrupted.Kind} objects is interrupted{Since(interrupted)}{After(interrupted)}; services stay as they were");
            }
        }
        return Condition.Met(ConditionNames.Watch);
    }

    private static string After(ReflectorStatus kind) => kind.LastError.Length == 0 ? "" : $": {kind.LastError}";

    private static string Since(ReflectorStatus kind) => kind.LastEvent is { } last ? $", last event {last:u}" : "";
}
