using ACCOffload.InfraManager.State.Services;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>Where the flows of a backend go when it stops taking flows, over random histories of a set.</summary>
public sealed class SuccessionTests
{
    private const int Backends = 12;

    /// <summary>The state of each backend in a step: absent, eligible or draining.</summary>
    private static readonly Gen<int[][]> Histories = Gen.Int[0, 2].Array[Backends].Array[1, 20];

    [Fact]
    public void A_bucket_changes_only_when_its_backend_stops_taking_flows() => Histories.Sample(steps =>
    {
        var set = new SetState(1, []);
        foreach (var step in steps)
        {
            uint[] eligible = Of(step, 1), draining = Of(step, 2);
            var next = Next(set, eligible, draining);
            if (set.Succession.Count > 0)
            {
                Assert.Equal(set.Succession.Count, next.Succession.Count);
                for (var i = 0; i < set.Succession.Count; i++)
                {
                    var (was, now) = (set.Succession[i], next.Succession[i]);
                    var stood = Substitute(set, i);
                    if (draining.Contains(stood))
                    {
                        Assert.Equal(stood, now);
                    }
                    else if (eligible.Contains(was) || draining.Contains(was))
                    {
                        Assert.Equal(was, now);
                    }
                    else if (eligible.Contains(stood))
                    {
                        Assert.Equal(stood, now);
                    }
                }
            }

            for (var i = 0; i < next.Succession.Count; i++)
            {
                if (eligible.Length > 0)
                {
                    Assert.Contains(next.Succession[i], eligible.Concat(draining));
                }

                var stands = Substitute(next, i);
                if (draining.Contains(next.Succession[i]) && eligible.Length > 0)
                {
                    Assert.Contains(stands, eligible);
                }
                else
                {
                    Assert.Equal(0u, stands);
                }
                // A substitute has connections of its own, so it stays until it drains or goes away itself.
                if (set.Succession.Count > 0 && set.Succession[i] == next.Succession[i] && eligible.Contains(Substitute(set, i))
                    && draining.Contains(next.Succession[i]))
                {
                    Assert.Equal(Substitute(set, i), stands);
                }
            }

            set = next;
        }
    });

    [Fact]
    public void The_succession_starts_with_the_buckets_in_use_when_the_first_backend_leaves()
    {
        var set = Next(Next(new SetState(1, []), [1], []), [1, 2, 3], []);
        Assert.Empty(set.Succession);
        var next = Next(set, [1, 2, 3], [4]);
        Assert.Empty(next.Succession);
        next = Next(set, [1, 3], [2]);
        // Three buckets are too few if many backends are added, so each is repeated three times.
        Assert.Equal([1, 1, 1, 2, 2, 2, 3, 3, 3], next.Succession);
        Assert.Equal([0, 0, 0, 1, 3, 1, 0, 0, 0], next.Substitutes);
        next = Next(next, [1, 3, 5], []);
        Assert.Equal([1, 1, 1, 1, 3, 1, 3, 3, 3], next.Succession);
        Assert.Empty(next.Substitutes);
    }

    [Fact]
    public void Flows_of_a_removed_backend_are_distributed_to_those_with_the_fewest_buckets()
    {
        var set = new SetState(1, [1, 2, 3, 4], [1, 1, 1, 1, 1, 1, 1, 1]);
        var next = Next(set, [2, 3, 4], []);
        Assert.Equal([3, 3, 2], next.Succession.GroupBy(b => b).Select(g => g.Count()).OrderDescending());
    }

    [Fact]
    public void If_no_backend_is_left_the_next_one_takes_all_buckets()
    {
        var set = Next(new SetState(1, [1, 2]), [], []);
        Assert.All(set.Succession, b => Assert.Equal(0u, b));
        set = Next(set, [7], []);
        Assert.All(set.Succession, b => Assert.Equal(7u, b));
    }

    private static uint Substitute(SetState set, int bucket) => bucket < set.Substitutes.Count ? set.Substitutes[bucket] : 0;

    private static uint[] Of(int[] step, int kind) =>
        [.. Enumerable.Range(0, Backends).Where(i => step[i] == kind).Select(i => (uint)i + 1)];

    private static SetState Next(SetState set, uint[] eligible, uint[] draining)
    {
        var (successors, substitutes) = Succession.Next(set, eligible, draining.ToHashSet());
        return new SetState(set.Id, [.. BucketAssignment.Assign<uint>(set.Buckets, eligible, BucketAssignment.CountFor(eligible.Length))],
            successors, substitutes);
    }
}
