using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Api;

public sealed class AgentLogTests : IDisposable
{
    private readonly Clock _time = new();
    private readonly LogCollector _log = new();
    private readonly AgentLog _agents;
    private ulong _epoch;
    private string _last = "";

    public AgentLogTests() => _agents = new AgentLog(_time, _log.CreateLogger("api"));

    public void Dispose() => _log.Dispose();

    [Fact]
    public void Restarts_of_an_agent_do_not_count_as_a_second_agent()
    {
        Begin("a.1");
        Begin("a.1");
        Begin("a.2");
        Begin("a.3");
        Assert.Equal("", _agents.Rivals);
    }

    [Fact]
    public void An_agent_that_returns_after_another_reveals_two_agents()
    {
        Begin("a");
        Begin("b");
        _time.Advance(TimeSpan.FromMinutes(1));
        Begin("a");
        Assert.Equal("a and b", _agents.Rivals);
        Assert.Single(_log.Matching("Two agents use this node's certificate: a took epoch 3 back from b"));
        _time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal("", _agents.Rivals);
    }

    [Fact]
    public void Many_epochs_log_only_a_few_lines()
    {
        for (var i = 0; i < 10_000; i++)
        {
            Begin($"agent-{i % 50}");
        }

        Assert.InRange(_log.Matching("epoch").Count(), 1, 2);
        _time.Advance(TimeSpan.FromMinutes(1));
        Begin("a");
        Assert.Single(_log.Matching("9999 more"));
    }

    private void Begin(string agent)
    {
        _agents.RecordBegin(agent, new BeginOutcome(++_epoch, _last, []));
        _last = agent;
    }

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
