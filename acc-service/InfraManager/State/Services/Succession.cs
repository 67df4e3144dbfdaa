using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Where flows go when their backend is gone (docs/programming.md, "A flow follows its backend"). A successor bucket changes only when its
/// own backend goes, so that a moved flow stays where it went. Pure and deterministic.
/// </summary>
internal static class Succession
{
    // With a single bucket, all flows of a backend would move to one other backend, even if more are added later.
    private const int MinBuckets = 8;

    /// <param name="former">The previous set.</param>
    /// <param name="eligible">The backends that take new flows, without duplicates. Ties go to the first.</param>
    /// <param name="draining">The backends that keep their existing flows.</param>
    public static (SequenceOf<uint> Successors, SequenceOf<uint> Substitutes) Next(SetState former, IReadOnlyList<uint> eligible,
        IReadOnlySet<uint> draining)
    {
        var shares = eligible.ToDictionary(b => b, _ => 0);
        // No flow has to move before a backend goes.
        var successors = former.Succession.Count > 0 ? [.. former.Succession] : former.Buckets.All(shares.ContainsKey)
            ? []
            : Expand(former.Buckets);
        if (successors.Length == 0)
        {
            return ([], []);
        }

        var substitutes = new uint[successors.Length];
        foreach (var taken in successors.Concat(former.Substitutes).Where(shares.ContainsKey))
        {
            shares[taken]++;
        }

        for (var i = 0; i < successors.Length; i++)
        {
            var substitute = i < former.Substitutes.Count ? former.Substitutes[i] : 0;
            // Of two draining backends, the later one has the newer connections.
            if (draining.Contains(substitute) || (!KeepsFlows(successors[i]) && shares.ContainsKey(substitute)))
            {
                (successors[i], substitute) = (substitute, 0);
            }

            if (!KeepsFlows(successors[i]))
            {
                (successors[i], substitute) = (Pick(), 0);
            }

            if (draining.Contains(successors[i]))
            {
                substitutes[i] = shares.ContainsKey(substitute) ? substitute : Pick();
            }
        }

        return ([.. successors], [.. substitutes.Any(s => s != 0) ? substitutes : []]);

        bool KeepsFlows(uint backend) => shares.ContainsKey(backend) || draining.Contains(backend);

        // 0 when no backend takes flows: the service refuses them then.
        uint Pick()
        {
            if (eligible.Count == 0)
            {
                return 0;
            }

            var next = eligible.MinBy(b => shares[b]);
            shares[next]++;
            return next;
        }
    }

    /// <summary>Repeats the set's buckets until there are enough. Flows that moved so far followed the set's own buckets.</summary>
    private static uint[] Expand(SequenceOf<uint> buckets)
    {
        if (buckets.Count == 0)
        {
            return [];
        }

        var each = (MinBuckets + buckets.Count - 1) / buckets.Count;
        return [.. Enumerable.Range(0, buckets.Count * each).Select(i => buckets[i / each])];
    }
}
