using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Watch;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the cluster's services are known and current. Short interruptions are tolerated.</summary>
/// <param name="kubeconfig">Path of the kubeconfig.</param>
/// <param name="time">The clock.</param>
internal sealed class WatchCondition(string kubeconfig, TimeProvider time)
{
    /// <summary>How long a watch may be interrupted before its objects count as stale.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private long? _interrupted;

    /// <summary>Evaluates the watch; called regularly.</summary>
    public Condition Evaluate(ClusterWatchStatus status)
    {
        // The last known values of the other kinds are stored, and the condition Node reports missing ones.
        var kinds = status.Kinds.Where(k => k.Kind is "Service" or "EndpointSlice").ToList();
        if (kinds.Find(k => !k.Synced) is { } missing)
        {
            return File.Exists(kubeconfig)
                ? Condition.Unmet(ConditionNames.Watch, $"{missing.Kind} objects not listed yet{After(missing)}")
                : Condition.Met(ConditionNames.Watch, $"{kubeconfig} does not exist; services are not watched");
        }
        var interrupted = kinds.Find(k => k.Phase is not (ReflectorPhase.Watching or ReflectorPhase.Listing));
        lock (_lock)
        {
            if (interrupted is null)
            {
                _interrupted = null;
            }
            else if (time.GetElapsedTime(_interrupted ??= time.GetTimestamp()) >= Grace)
            {
                return Condition.Unmet(
                    ConditionNames.Watch,
                    $"the {interrupted.Kind} watch is interrupted{Since(interrupted)}{After(interrupted)}; "
                    + "services keep their last known state");
            }
        }
        return Condition.Met(ConditionNames.Watch);
    }

    private static string After(ReflectorStatus kind) => kind.LastError.Length == 0 ? "" : $": {kind.LastError}";

    private static string Since(ReflectorStatus kind) => kind.LastEvent is { } last ? $", last event {last:u}" : "";
}
