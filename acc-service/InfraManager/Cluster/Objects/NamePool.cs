using System.Collections.Concurrent;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>One string for the same name in many objects: nodes, zones, ports. Bounded, because what is named is the cluster's users' choice.</summary>
internal static class NamePool
{
    private const int Most = 8192;

    private static readonly ConcurrentDictionary<string, string> Names = new(StringComparer.Ordinal);

    public static string Share(string name)
    {
        if (Names.TryGetValue(name, out var shared))
        {
            return shared;
        }
        // Starting over costs a few repeats; strings in use stay as they are.
        if (Names.Count >= Most)
        {
            Names.Clear();
        }

        return Names.GetOrAdd(name, name);
    }
}
