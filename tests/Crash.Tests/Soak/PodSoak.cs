using ACCOffload.Crash.Tests.Hostile;
using ACCOffload.Crash.Tests.Pods;
using ACCOffload.Crash.Tests.Watch;

namespace ACCOffload.Crash.Tests.Soak;

/// <summary>
/// A node whose pods are added and deleted. InfraManager, the agent and the target are each spared for one phase; in the last phase, all
/// are killed.
/// </summary>
internal sealed class PodSoak(TimeSpan length)
{
    private const int Pods = 30;
    private const Victims All = Victims.Manager | Victims.Agent | Victims.Target;

    private PodRounds? _rounds;
    private LeakWatch? _leaks;
    private HostileTraffic? _hostile;

    public string? Problem => _leaks?.Problem ?? _hostile?.Problem;

    public async Task RunAsync(CancellationToken end)
    {
        await using var node = await PodNode.StartAsync(Pods);
        _rounds = new PodRounds(node, RunSettings.Seed);
        _leaks = node.Leaks;
        if (CrashSettings.Hostile)
        {
            await node.StartHostileAsync(RunSettings.Seed);
            _hostile = node.Hostile;
            _leaks.MemoryWindow = LeakWatch.HostileMemoryWindow;
        }

        var phases = new Phases(length, 4);
        for (var i = 0; !end.IsCancellationRequested && Problem is null; i++)
        {
            await _rounds.RunAsync(i, phases.Current switch
            {
                0 => All & ~Victims.Manager,
                1 => All & ~Victims.Agent,
                2 => All & ~Victims.Target,
                _ => All,
            });
        }
    }

    public override string ToString() => _rounds is null
        ? "pods: starting"
        : $"pods: {_rounds.Rounds} rounds, {_rounds.Kills} kills, {_rounds.Runtime.FailedAdds} failed ADDs, "
            + $"{_leaks}{(_hostile is null ? "" : $"; {_hostile}")}";
}
