using ACCOffload.InfraManager.State.Services;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Services;

public sealed class BucketAssignmentTests
{
    // The former buckets (some of removed backends), the current backends, and the new number of buckets.
    private static readonly Gen<(int[] Former, int[] Backends, int Count)> Cases =
        from former in Gen.Int[0, 11].Array[0, 12]
        from backends in Gen.Int[0, 11].HashSet[0, 12]
        from count in Gen.Int[0, 12]
        select (former, backends.ToArray(), count);

    [Fact]
    public void Every_bucket_has_a_backend_and_backends_have_equal_shares() => Cases.Sample((former, backends, count) =>
    {
        var buckets = BucketAssignment.Assign(former, backends, count);
        Assert.Equal(backends.Length == 0 ? 0 : count, buckets.Length);
        Assert.All(buckets, b => Assert.Contains(b, backends));
        var counts = backends.Select(b => buckets.Count(x => x == b)).ToArray();
        Assert.True(counts.Length == 0 || counts.Max() - counts.Min() <= 1);
    });

    [Fact]
    public void As_few_buckets_as_possible_change() => Cases.Sample((former, backends, count) =>
    {
        if (backends.Length == 0)
        {
            return;
        }

        var buckets = BucketAssignment.Assign(former, backends, count);
        var kept = buckets.Zip(former).Count(p => p.First == p.Second);
        Assert.Equal(MostThatCanStay(former, backends, count), kept);
    });

    [Fact]
    public void The_assignment_is_deterministic_and_stable() => Cases.Sample((former, backends, count) =>
    {
        var once = BucketAssignment.Assign(former, backends, count);
        Assert.Equal(once, BucketAssignment.Assign(former, backends, count));
        Assert.Equal(once, BucketAssignment.Assign(once, backends, count));
    });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(100, 100)]
    [InlineData(1023, 1023)]
    [InlineData(1024, 1023)]
    [InlineData(20_000, 1023)]
    public void There_is_one_bucket_per_backend_up_to_the_limit_of_the_pipeline(int backends, int count) =>
        Assert.Equal(count, BucketAssignment.CountFor(backends));

    [Fact]
    public void Adding_or_removing_a_backend_moves_at_most_one_bucket()
    {
        string[] Next(string[] former, params string[] backends) =>
            BucketAssignment.Assign(former, backends, BucketAssignment.CountFor(backends.Length));
        var three = Next([], "a", "b", "c");
        Assert.Equal(["a", "b", "c"], three);
        Assert.Equal(["a", "b", "c", "d"], Next(three, "a", "b", "c", "d"));
        Assert.Equal(["c", "b"], Next(three, "b", "c"));
        Assert.Equal(["a", "x", "c"], Next(three, "a", "x", "c"));
    }

    /// <summary>Tries every choice of the backends that get one bucket more than the others.</summary>
    private static int MostThatCanStay(int[] former, int[] backends, int count)
    {
        var share = count / backends.Length;
        var extra = count % backends.Length;
        var held = backends.Select(b => former.Take(count).Count(f => f == b)).ToArray();
        var best = 0;
        for (var choice = 0; choice < 1 << backends.Length; choice++)
        {
            if (System.Numerics.BitOperations.PopCount((uint)choice) == extra)
            {
                best = Math.Max(best, held.Select((h, i) => Math.Min(h, share + ((choice >> i) & 1))).Sum());
            }
        }
        return best;
    }
}
