using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>
/// One sequence of services and their pods with every possible fault at every step; the guarantees are checked after each.
/// </summary>
public sealed class ServiceFaultTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // The allowed states by service: one specification, none, or, after an unanswered request, either.
    private readonly Dictionary<ServiceKey, HashSet<ServiceSpec?>> _allowed = [];

    public static TheoryData<string> Faults => [.. Enum.GetNames<TargetFault>().Where(f => f != nameof(TargetFault.None))];

    public static TheoryData<string> Points => [.. Enum.GetNames<CrashPoint>()];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task State_is_consistent_after_every_target_fault_at_every_call(string name)
    {
        var fault = Enum.Parse<TargetFault>(name);
        var calls = int.MaxValue;
        for (var at = 0; at < calls; at++)
        {
            await using var core = await CoreHarness.StartAsync(
                options: o => o with { WriteLimit = TimeSpan.FromMilliseconds(100), PortLimit = TimeSpan.FromMilliseconds(100) });
            _allowed.Clear();
            var call = 0;
            var target = at;
            core.Target.NextFault = () => Interlocked.Increment(ref call) - 1 == target ? fault : TargetFault.None;
            await StoryAsync(core);
            await CheckAsync(core);
            if (at == 0)
            {
                calls = Volatile.Read(ref call);
            }

            var writes = core.Target.Writes;
            await core.RestartAsync();
            await CheckAsync(core);

            // A late change may be applied after the comparison; the audit finds it.
            if (fault != TargetFault.ApplyLate)
            {
                Assert.Equal(writes, core.Target.Writes);
            }
        }

        Assert.InRange(calls, 10, 100);
    }

    [Theory]
    [MemberData(nameof(Points))]
    public async Task State_is_consistent_after_a_crash_at_every_crash_point(string name)
    {
        var point = Enum.Parse<CrashPoint>(name);
        for (var at = 0; ; at++)
        {
            await using var core = await CoreHarness.StartAsync();
            _allowed.Clear();
            var passing = 0;
            var target = at;

            // Some updates are refused, so that the steps include compensation.
            core.Target.Refuses = u => u.Kind == ACCOffload.P4Runtime.Entries.UpdateKind.Insert
                && $"{u.Entry}".Contains("10.250.0.13", StringComparison.Ordinal)
                ? Grpc.Core.StatusCode.ResourceExhausted
                : Grpc.Core.StatusCode.OK;
            core.Hook = p =>
            {
                if (p == point && Interlocked.Increment(ref passing) - 1 == target)
                {
                    throw new SimulatedCrashException();
                }
            };
            await StoryAsync(core);
            await core.RestartAsync();
            core.Target.Refuses = _ => Grpc.Core.StatusCode.OK;
            await CheckAsync(core);
            var writes = core.Target.Writes;
            await core.RestartAsync();
            await CheckAsync(core);
            Assert.Equal(writes, core.Target.Writes);
            if (passing <= at)
            {
                break;
            }
        }
    }

    private async Task StoryAsync(CoreHarness core)
    {
        await RunAsync(core, Attach(core, 1), Set(core, TestService.Of(1, TestService.Pod(1), TestService.Remote(2))));
        await RunAsync(core, Set(core, TestService.Of(2, TestService.Remote(2), TestService.Pod(1, port: 9090))),
            Set(core, TestService.Of(3, TestService.Remote(13))));
        await RunAsync(core, Set(core, TestService.Of(1, TestService.Pod(1, ready: false), TestService.Remote(2), TestService.Remote(3))),
            Detach(core, 1));
        await RunAsync(core, Attach(core, 4, ip: 1), Set(core, TestService.Of(2)));
        await RunAsync(core, Remove(core, TestService.Key(1)),
            Set(core, TestService.Of(1, TestService.Pod(1)) with { Key = TestService.Key(9) }));
    }

    private Func<Task> Set(CoreHarness core, ServiceSpec spec) => () => NoteAsync(core, spec.Key, spec, core.SetAsync(spec));

    private Func<Task> Remove(CoreHarness core, ServiceKey key) => () => NoteAsync(core, key, null, core.RemoveAsync(key));

    private static Func<Task> Attach(CoreHarness core, int number, int? ip = null) =>
        () => Answered(core, core.AttachAsync(TestNode.Pod(number, ip: ip)));

    private static Func<Task> Detach(CoreHarness core, int number) => () => Answered(core, core.DetachAsync(TestNode.Pod(number)));

    private async Task NoteAsync(CoreHarness core, ServiceKey key, ServiceSpec? spec, Task call)
    {
        if (!_allowed.TryGetValue(key, out var allowed))
        {
            _allowed.Add(key, allowed = [null]);
        }

        await Answered(core, call);
        if (call.IsCompletedSuccessfully)
        {
            allowed.Clear();
        }

        if (call.IsCompletedSuccessfully || !call.IsCompleted)
        {
            allowed.Add(spec);
        }
    }

    /// <summary>Waits until the call has any answer or the process has died.</summary>
    private static async Task Answered(CoreHarness core, Task call)
    {
        await Task.WhenAny(call, core.Programmer.Completion).WaitAsync(Limit);
        if (call.Exception is { } failure && failure.InnerException is not IntentException)
        {
            throw failure;
        }
    }

    private static async Task RunAsync(CoreHarness core, params Func<Task>[] together)
    {
        await Task.WhenAll(together.Select(t => t()));
        if (core.Programmer.Completion.IsCompleted)
        {
            await core.RestartAsync();
        }
    }

    private async Task CheckAsync(CoreHarness core)
    {
        await core.SettledAsync();
        var there = core.Programmer.Services.Values.Select(v => v.State.Spec).Where(s => s.Ports.Count > 0).ToDictionary(s => s.Key);
        foreach ((var key, var allowed) in _allowed)
        {
            Assert.Contains(there.GetValueOrDefault(key), allowed);
            // From now on only the current state is allowed.
            allowed.RemoveWhere(s => s != there.GetValueOrDefault(key));
        }

        var expected = ServiceTables.Expect(there.Values).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var said = ServiceTables.Render(core.Target.Rows).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Empty(expected.Except(said));
        Assert.All(said.Except(expected), s => Assert.EndsWith(ServiceTables.GivenUp, s, StringComparison.Ordinal));
    }
}
