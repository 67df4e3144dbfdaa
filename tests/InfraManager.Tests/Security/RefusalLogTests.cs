using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Security;

public sealed class RefusalLogTests
{
    [Fact]
    public void A_repeated_refusal_is_logged_once_and_then_counted()
    {
        using var log = new LogCollector();
        var time = new Clock();
        var refusals = new RefusalLog(time, log.CreateLogger("Security"));
        for (var i = 0; i < 5; i++)
        {
            refusals.Refused("192.0.2.1", "CN=x", RefusalReason.Certificate, "why");
        }

        refusals.Refused("192.0.2.1", "CN=x", RefusalReason.Certificate, "another text");
        refusals.Refused("192.0.2.2", "", RefusalReason.Certificate, "why");
        Assert.Equal(3, log.Lines.Count);
        time.Now += TimeSpan.FromMinutes(11).Ticks;
        refusals.Refused("192.0.2.1", "CN=x", RefusalReason.Certificate, "why");
        Assert.Contains("4 more", log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_for_one_peer_and_reason_are_limited_regardless_of_their_text()
    {
        using var log = new LogCollector();
        var refusals = new RefusalLog(new Clock(), log.CreateLogger("Security"));
        for (var i = 0; i < 20_000; i++)
        {
            refusals.Refused("192.0.2.1", $"CN={i}", RefusalReason.Request, $"field {i}");
        }

        Assert.InRange(log.Lines.Count, 5, 20);
        Assert.Contains("10000 more", log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_for_many_peers_are_limited_and_counted()
    {
        using var log = new LogCollector();
        var time = new Clock();
        var refusals = new RefusalLog(time, log.CreateLogger("Security"));
        for (var i = 0; i < 3000; i++)
        {
            refusals.Refused($"peer {i}", "", RefusalReason.Handshake, "why");
        }

        Assert.Equal(LineBudget.MaxLines + 1, log.Lines.Count);
        time.Now += TimeSpan.FromMinutes(11).Ticks;
        refusals.Refused("peer 0", "", RefusalReason.Handshake, "why");
        Assert.Contains("2500 lines about refusals were not logged", log.Lines[^2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\u001b[31mred\r\nb", "a\\u001b[31mred\\u000d\\u000ab")]
    [InlineData("a\u202egnp.exe", "a\\u202egnp.exe")]
    [InlineData("a\u2028b\u200bc\u0085", "a\\u2028b\\u200bc\\u0085")]
    public void Text_from_a_peer_is_escaped(string text, string shown)
    {
        using var log = new LogCollector();
        new RefusalLog(new Clock(), log.CreateLogger("Security")).Refused("192.0.2.1", text, RefusalReason.Certificate, text);
        Assert.Contains($"({shown}): {shown}", log.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Text_from_a_peer_is_truncated()
    {
        using var log = new LogCollector();
        var text = new string('x', 10_000);
        new RefusalLog(new Clock(), log.CreateLogger("Security")).Refused("192.0.2.1", text, RefusalReason.Certificate, text);
        Assert.InRange(log.Lines[0].Length, 100, 600);
    }

    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; } = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
