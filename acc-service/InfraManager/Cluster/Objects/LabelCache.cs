using System.Collections.Concurrent;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>
/// Shares the labels of pods: most have those of their workload, and there is a record for each pod of the cluster. Bounded, because
/// cluster users choose the labels.
/// </summary>
internal static class LabelCache
{
    private const int MaxSets = 8192;

    private static readonly ConcurrentDictionary<LabelSet, LabelSet> Sets = new();

    /// <param name="labels">The labels; a value of null is empty, as for the API server.</param>
    public static LabelSet Of(Dictionary<string, string?>? labels)
    {
        if (labels is null || labels.Count == 0)
        {
            return default;
        }

        // Looked up before its strings are shared: usually the set is known, and this one becomes garbage.
        var set = LabelSet.Of(labels.Select(l => KeyValuePair.Create(l.Key, l.Value ?? "")));
        if (Sets.TryGetValue(set, out var shared))
        {
            return shared;
        }

        if (Sets.Count >= MaxSets)
        {
            Sets.Clear();
        }

        set = new LabelSet([.. set.Labels.Select(l => (NameCache.Intern(l.Key), NameCache.Intern(l.Value)))]);
        return Sets.GetOrAdd(set, set);
    }
}
