using ACCOffload.TestKit.Targets;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>The product on a server with the observed behaviour of infrap4d for P4-DPDK.</summary>
public sealed class FaithfulTargetTests
{
    [Fact]
    public Task Pods_reach_each_other_and_the_host() => RunAsync(Scenarios.PodsAsync);

    [Fact]
    public Task Traffic_follows_the_backends_of_a_service() => RunAsync(Scenarios.ServiceAsync);

    [Fact]
    public Task InfraManager_restarts_without_changing_the_target() => RunAsync(Scenarios.ManagerRestartAsync);

    [Fact]
    public Task InfraManager_killed_during_changes_completes_them() => RunAsync(Scenarios.ManagerKilledAsync);

    [Fact]
    public Task Everything_is_restored_after_the_target_died() => RunAsync(Scenarios.TargetRestartAsync);

    [Fact]
    public Task Everything_is_restored_after_the_target_died_while_InfraManager_was_down() =>
        RunAsync(Scenarios.TargetRestartWhileDownAsync);

    [Fact]
    public Task InfraManager_waits_for_ports_created_by_others() => RunAsync(Scenarios.TapsOfOthersAsync);

    private static async Task RunAsync(Func<NodeTarget, Task> scenario)
    {
        Needs.Lab();
        Needs.Tap();
        await using var target = new FaithfulNodeTarget();
        await scenario(target);
    }
}
