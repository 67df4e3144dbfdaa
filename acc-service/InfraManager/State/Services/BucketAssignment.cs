using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Assigns a backend to each bucket of a set. The assignment is even (bucket counts of two backends differ by at most one) and, among the
/// even ones, keeps as many buckets as possible. Pure and deterministic.
/// </summary>
internal static class BucketAssignment
{
    /// <summary>The maximum number of buckets in a set. With more backends, some get no bucket on this node.</summary>
    public const int MaxBuckets = 1023;

    /// <summary>
    /// One bucket per backend: the pipeline scales its hash to any number of buckets, so all backends are equally likely.
    /// </summary>
    public static int CountFor(int backends) => Math.Min(backends, MaxBuckets);

    /// <param name="former">The previous buckets; may be more or fewer than wanted.</param>
    /// <param name="backends">The eligible backends, without duplicates. Ties go to the first.</param>
    /// <param name="count">The number of buckets wanted.</param>
    public static T[] Assign<T>(IReadOnlyList<T> former, IReadOnlyList<T> backends, int count)
        where T : notnull
    {
        if (backends.Count == 0 || count == 0)
        {
            return [];
        }

        var targets = Targets(former, backends, count);
        var buckets = new T[count];
        var isFree = new bool[count];
        for (var i = 0; i < count; i++)
        {
            if (i < former.Count && targets.TryGetValue(former[i], out var left) && left > 0)
            {
                buckets[i] = former[i];
                targets[former[i]] = left - 1;
            }
            else
            {
                isFree[i] = true;
            }
        }
        // Round-robin, so that neighbouring hash values go to different backends.
        var next = 0;
        for (var i = 0; i < count; i++)
        {
            if (!isFree[i])
            {
                continue;
            }

            while (targets[backends[next % backends.Count]] == 0)
            {
                next++;
            }

            buckets[i] = backends[next % backends.Count];
            targets[buckets[i]]--;
            next++;
        }
        return buckets;
    }

    /// <summary>
    /// The number of buckets per backend: the share, plus one for as many backends as there are buckets left over. Those that already have
    /// more than the share come first.
    /// </summary>
    private static Dictionary<T, int> Targets<T>(IReadOnlyList<T> former, IReadOnlyList<T> backends, int count)
        where T : notnull
    {
        var (share, extra) = Math.DivRem(count, backends.Count);
        var targets = new Dictionary<T, int>(backends.Count);
        foreach (var backend in backends)
        {
            targets.Add(backend, share);
        }

        var held = new Dictionary<T, int>();
        foreach (var backend in former.Take(count))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(held, backend, out _)++;
        }

        foreach (var backend in backends.Where(b => held.GetValueOrDefault(b) > share)
            .Concat(backends.Where(b => held.GetValueOrDefault(b) <= share)).Take(extra))
        {
            targets[backend]++;
        }

        return targets;
    }
}
