using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Tests.Fixtures;

namespace ACCOffload.InfraManager.Tests.Security;

public sealed class RefusalLogTests
{
    [Fact]
    public void The_same_refusal_is_told_once_and_counted_then()
    {
        using var log = new LogCapture();
        var time = new Clock();
        var refusals = new RefusalLog(time, log.CreateLogger("Security"));
        for (var i = 0; i < 5; i++)
            refusals.Refused("192.0.2.1", "CN=x", "why");
        refusals.Refused("192.0.2.1", "CN=x", "another reason");
        refusals.Refused("192.0.2.2", "", "why");
        Assert.Equal(3, log.Lines.Count);
        time.Now += TimeSpan.FromMinutes(11).Ticks;
        refusals.Refused("192.0.2.1", "CN=x", "why");
        Assert.Contains("4 more times", log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_flood_of_different_ones_keeps_its_memory()
    {
        using var log = new LogCapture();
        var refusals = new RefusalLog(new Clock(), log.CreateLogger("Security"));
        for (var i = 0; i < 3000; i++)
            refusals.Refused($"peer {i}", "", "why");
        refusals.Refused("peer 2999", "", "why");
        Assert.Equal(3000, log.Lines.Count);
    }

    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; } = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
