using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Which backend each bucket of a set leads to. Evenly filled (the counts of two backends differ by one at most), and of all even
/// assignments one that leaves most buckets as they were. Pure and deterministic.
/// </summary>
internal static class BucketAssignment
{
    /// <summary>Beyond this many backends some get no bucket on this node.</summary>
    public const int MostBuckets = 1023;

    /// <summary>
    /// One bucket for each backend: the pipeline scales its hash to any number of buckets, so a flow is as likely to meet the one as the
    /// other.
    /// </summary>
    public static int CountFor(int backends) => Math.Min(backends, MostBuckets);

    /// <param name="former">The buckets as they were; may be more or fewer than wanted.</param>
    /// <param name="backends">The eligible ones, each once. Of equally good ones the first is taken.</param>
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
        // Round by round, so that neighbours in the hash's range are different backends.
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

    /// <summary>How many buckets each backend gets: the share, and one more for those that hold more than the share already.</summary>
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
