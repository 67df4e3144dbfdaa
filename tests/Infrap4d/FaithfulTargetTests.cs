using ACCOffload.Integration;

namespace ACCOffload.Infrap4d;

/// <summary>The product on a server with the observed behaviour of infrap4d for P4-DPDK.</summary>
public sealed class FaithfulTargetTests
{
    [TapFact]
    public Task Pods_reach_each_other_and_the_host() => RunAsync(Scenarios.PodsAsync);

    [TapFact]
    public Task Traffic_follows_the_backends_of_a_service() => RunAsync(Scenarios.ServiceAsync);

    [TapFact]
    public Task InfraManager_restarts_without_changing_the_target() => RunAsync(Scenarios.ManagerRestartAsync);

    [TapFact]
    public Task InfraManager_killed_during_changes_completes_them() => RunAsync(Scenarios.ManagerKilledAsync);

    [TapFact]
    public Task Everything_is_restored_after_the_target_died() => RunAsync(Scenarios.TargetRestartAsync);

    [TapFact]
    public Task Everything_is_restored_after_the_target_died_while_InfraManager_was_down() => RunAsync(Scenarios.TargetRestartWhileDownAsync);

    [TapFact]
    public Task InfraManager_waits_for_ports_created_by_others() => RunAsync(Scenarios.TapsOfOthersAsync);

    private static async Task RunAsync(Func<NodeTarget, Task> scenario)
    {
        await using var target = new FaithfulNodeTarget();
        await scenario(target);
    }
}
