using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Where flows of a set go whose backend takes no more (docs/programming.md, "A flow follows its backend"): buckets that change only when a
/// backend of theirs goes, so that a flow that moved stays where it went. Pure and deterministic.
/// </summary>
internal static class Succession
{
    // One bucket would give all flows of a backend to one other, however many come later.
    private const int FewestBuckets = 8;

    /// <param name="former">The set as it was.</param>
    /// <param name="eligible">The backends that take new flows, each once. Of equally good ones the first is taken.</param>
    /// <param name="draining">Those that keep the flows they have.</param>
    public static (SequenceOf<uint> Successors, SequenceOf<uint> Substitutes) Next(SetState former, IReadOnlyList<uint> eligible,
        IReadOnlySet<uint> draining)
    {
        var shares = eligible.ToDictionary(b => b, _ => 0);
        // Until a backend goes no flow has to move.
        var successors = former.Succession.Count > 0 ? [.. former.Succession] : former.Buckets.All(shares.ContainsKey)
            ? []
            : Beginning(former.Buckets);
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
            var stood = i < former.Substitutes.Count ? former.Substitutes[i] : 0;
            // Of two that drain the later one has the newer connections.
            if (draining.Contains(stood) || (!Lives(successors[i]) && shares.ContainsKey(stood)))
            {
                (successors[i], stood) = (stood, 0);
            }

            if (!Lives(successors[i]))
            {
                (successors[i], stood) = (Pick(), 0);
            }

            if (draining.Contains(successors[i]))
            {
                substitutes[i] = shares.ContainsKey(stood) ? stood : Pick();
            }
        }

        return ([.. successors], [.. substitutes.Any(s => s != 0) ? substitutes : []]);

        bool Lives(uint backend) => shares.ContainsKey(backend) || draining.Contains(backend);

        // Nobody, where none takes flows: the service refuses them then.
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

    /// <summary>The set as it was, in buckets enough: until now flows that moved went by its own.</summary>
    private static uint[] Beginning(SequenceOf<uint> buckets)
    {
        if (buckets.Count == 0)
        {
            return [];
        }

        var each = (FewestBuckets + buckets.Count - 1) / buckets.Count;
        return [.. Enumerable.Range(0, buckets.Count * each).Select(i => buckets[i / each])];
    }
}
