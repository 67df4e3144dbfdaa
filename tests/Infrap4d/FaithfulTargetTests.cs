using ACCOffload.Integration;

namespace ACCOffload.Infrap4d;

/// <summary>The product on a server that behaves as infrap4d for P4-DPDK was seen to.</summary>
public sealed class FaithfulTargetTests
{
    [TapFact]
    public Task Pods_reach_each_other_and_the_host() => RunAsync(Scenarios.PodsAsync);

    [TapFact]
    public Task Traffic_follows_the_backends_of_a_service() => RunAsync(Scenarios.ServiceAsync);

    [TapFact]
    public Task Nothing_differs_after_a_restart_of_inframanager() => RunAsync(Scenarios.ManagerRestartAsync);

    [TapFact]
    public Task Inframanager_killed_in_the_middle_of_changes_finishes_them() => RunAsync(Scenarios.ManagerKilledAsync);

    [TapFact]
    public Task All_is_there_again_after_the_target_died() => RunAsync(Scenarios.TargetRestartAsync);

    [TapFact]
    public Task All_is_there_again_after_the_target_died_while_inframanager_was_down() => RunAsync(Scenarios.TargetRestartWhileDownAsync);

    [TapFact]
    public Task Ports_that_others_make_are_waited_for() => RunAsync(Scenarios.TapsOfOthersAsync);

    private static async Task RunAsync(Func<NodeTarget, Task> scenario)
    {
        await using var target = new FaithfulNodeTarget();
        await scenario(target);
    }
}
