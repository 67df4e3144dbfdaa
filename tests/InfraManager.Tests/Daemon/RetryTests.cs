using ACCOffload.Retries;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Daemon;

public sealed class RetryTests
{
    private static readonly TimeSpan Min = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(1);

    [Fact]
    public void Waits_double_up_to_the_limit_and_are_shortened_by_up_to_half()
    {
        var backoff = new Backoff(Min, Max);
        foreach (var nominal in new[] { 100, 200, 400, 800, 1000, 1000 })
        {
            Assert.InRange(backoff.Next().TotalMilliseconds, nominal / 2d, nominal);
        }

        backoff.Reset();
        Assert.InRange(backoff.Next().TotalMilliseconds, 50, 100);
    }

    [Fact]
    public void The_first_attempt_is_due_immediately_and_later_ones_after_growing_waits()
    {
        var time = new FakeTimeProvider();
        var timer = new RetryTimer(time, Min, Max);
        Assert.True(timer.IsDue);
        foreach (var wait in new[] { 100, 200, 400, 800, 1000, 1000 })
        {
            timer.Failed();
            Assert.Equal(wait, timer.Remaining.TotalMilliseconds);
            time.Advance(TimeSpan.FromMilliseconds(wait));
            Assert.True(timer.IsDue);
        }

        timer.Failed(Min);
        Assert.Equal(Min, timer.Remaining);
        timer.Reset();
        Assert.True(timer.IsDue);
    }
}
