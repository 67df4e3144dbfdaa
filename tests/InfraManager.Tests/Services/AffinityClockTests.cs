using ACCOffload.InfraManager.State.Services;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>
/// Session affinity never ends before its timeout, even if the clock's writes are slow or fail. If they succeed, it ends shortly after.
/// </summary>
public sealed class AffinityClockTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(1, 500)]
    [InlineData(5, 500)]
    [InlineData(125, 4_166)]
    [InlineData(10_800, 360_000)]
    public void Affinity_ends_at_its_timeout_or_shortly_after(int seconds, int tolerance)
    {
        var seen = Run(seconds, stalls: false);
        var (early, late) = Ends(seen, AffinityClass.MaxAge(seconds));
        Assert.InRange(early, seconds * 1000, seconds * 1000 + tolerance);
        Assert.InRange(late, seconds * 1000, seconds * 1000 + tolerance);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(125)]
    [InlineData(86_400)]
    public void Affinity_does_not_end_early_when_writes_are_slow_or_fail_and_the_control_plane_stalls(int seconds)
    {
        var (early, _) = Ends(Run(seconds, stalls: true), AffinityClass.MaxAge(seconds));
        Assert.True(early >= seconds * 1000, $"{early} ms");
    }

    [Fact]
    public void The_clock_continues_from_the_value_of_the_target()
    {
        var clock = new AffinityClock(_time);
        Assert.True(clock.Continue(uint.MaxValue - 5));
        Assert.False(clock.Continue(uint.MaxValue - 5));
        Assert.False(clock.Continue(uint.MaxValue - 50));
        // Nothing is known of the time before.
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(uint.MaxValue - 5, clock.Value);
        clock.Written(TimeSpan.FromSeconds(1), isApplied: true);
        _time.Advance(TimeSpan.FromSeconds(1));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(994u, clock.Value);
        Assert.False(clock.Continue(uint.MaxValue));
    }

    /// <summary>Runs the clock; returns each value that the target had, and when it was applied, in milliseconds.</summary>
    private List<(double At, uint Value)> Run(int seconds, bool stalls)
    {
        var dice = new Random(seconds);
        var (clock, tick, start) = (new AffinityClock(_time), AffinityClass.Tick(seconds), _time.GetTimestamp());
        var seen = new List<(double, uint)>();
        for (var i = 0; i < 2000; i++)
        {
            // The loop wakes up a little late.
            Pass(clock.Remaining(tick) + TimeSpan.FromMilliseconds(dice.Next(5)));
            if (stalls && dice.Next(20) == 0)
            {
                Pass(tick * dice.Next(30));
            }

            clock.Advance(tick);
            var value = clock.Value;
            // The target applies the value at some time before the answer; or only with a repair, after the answer was lost.
            var isLost = stalls && dice.Next(20) == 0;
            var duration = stalls && dice.Next(10) == 0 ? tick * 3 * dice.NextDouble() : TimeSpan.FromMilliseconds(dice.Next(4));
            var before = duration * dice.NextDouble();
            Pass(before);
            if (!isLost)
            {
                seen.Add((_time.GetElapsedTime(start).TotalMilliseconds, value));
            }

            Pass(duration - before);
            clock.Written(tick, isApplied: !isLost);
            if (isLost)
            {
                Pass(tick * dice.Next(5));
                seen.Add((_time.GetElapsedTime(start).TotalMilliseconds, value));
            }
        }

        return seen;
    }

    private void Pass(TimeSpan time) => _time.Advance(time);

    // The shortest and the longest time from a connection until affinity has ended for the next one. It can only end when a value is
    // applied; a connection sees the value from its application until just before the next one's.
    private static (double Early, double Late) Ends(List<(double At, uint Value)> seen, uint maxAge)
    {
        var (early, late, end) = (double.MaxValue, 0.0, 0);
        for (var i = 0; i + 1 < seen.Count; i++)
        {
            while (end < seen.Count && seen[end].Value - seen[i].Value < maxAge)
            {
                end++;
            }

            if (end == seen.Count)
            {
                break;
            }

            early = Math.Min(early, seen[end].At - seen[i + 1].At);
            late = Math.Max(late, seen[end].At - seen[i].At);
        }

        return (early, late);
    }
}
