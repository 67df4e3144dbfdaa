using ACCOffload.Crash.Tests.Hostile;
using ACCOffload.Crash.Tests.Rpc;
using ACCOffload.Crash.Tests.Watch;

namespace ACCOffload.Crash.Tests.Soak;

/// <summary>
/// A node under concurrent requests. InfraManager and the target each run for a third of the time without being killed, so that slow leaks
/// show.
/// </summary>
internal sealed class RequestSoak(TimeSpan length)
{
    private RpcRounds? _rounds;
    private LeakWatch? _leaks;
    private HostileTraffic? _hostile;

    public string? Problem => _leaks?.Problem ?? _hostile?.Problem;

    public async Task RunAsync(CancellationToken end)
    {
        await using var node = await RpcNode.StartAsync(services: true);
        _rounds = new RpcRounds(node, RunSettings.Seed);
        _leaks = node.Leaks;
        if (CrashSettings.Hostile)
        {
            await node.StartHostileAsync(RunSettings.Seed);
            _hostile = node.Hostile;
            _leaks.MemoryWindow = LeakWatch.HostileMemoryWindow;
        }

        var phases = new Phases(length, 3);
        for (var i = 0; !end.IsCancellationRequested && Problem is null; i++)
        {
            await _rounds.RunAsync(i, phases.Current switch
            {
                // InfraManager backs off from a target that keeps dying.
                0 => i % 6 == 1 ? Victims.Target : Victims.None,
                1 => Victims.Manager,
                _ => (Victims)(1 + (i % 3)),
            });
        }
    }

    public override string ToString() => _rounds is null
        ? "requests: starting"
        : $"requests: {_rounds.Rounds} rounds, {_rounds.Kills} kills, {_rounds.Acknowledged} acknowledged, {_rounds.Unanswered} "
            + $"unanswered, {_leaks}{(_hostile is null ? "" : $"; {_hostile}")}";
}
