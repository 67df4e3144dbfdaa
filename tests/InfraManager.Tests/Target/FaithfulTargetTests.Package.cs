using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Package;
using ACCOffload.InfraManager.Tests.Support;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>With the tables of release 24.01's package, which InfraManager pushes.</content>
public sealed partial class FaithfulTargetTests
{
    private static readonly PipelineArtifacts Package = PipelineArtifacts.Create(PackageInfo.Dpdk(), PackageInfo.Dpdk().ToByteArray(),
        TestPipeline.Artifacts.DeviceConfig);

    [Fact]
    public async Task A_package_is_pushed_once_per_start_of_the_target()
    {
        await StartPackageAsync();
        Assert.Equal(1, _target.Pushes);
        // The ARP responder has the first port.
        Assert.Equal("TAP1", (await LendAsync(1)).Endpoint.Spec.PortName);
        await CloseAsync();

        Open(Package);
        await ReconciledAsync();
        Assert.Equal((1, 0L), (_target.Pushes, _programmer.Status.LastReconcile.Total));

        await _target.RestartAsync();
        await Eventually.TrueAsync(() => _target.Pushes == 2 && _programmer.Status is { Ready: true, Reconciled: true },
            "it is programmed again");
        Assert.Single(Rows("ipv4_to_port_table"));
    }

    [Fact]
    public async Task A_package_never_replaces_a_different_pipeline()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await CloseAsync();

        _node = PackageNode;
        Open(Package);
        await Eventually.TrueAsync(() => _programmer.Status.PipelineProblem.Contains("restart the target (infrap4d)",
            StringComparison.Ordinal), "status says what to do");
        Assert.Equal((1, true), (_target.Pushes, _target.IsAlive));
    }

    [Fact]
    public async Task Groups_are_replaced_on_change_and_unused_members_are_deleted()
    {
        await StartPackageAsync();
        await SetAsync(TestService.Remote(1), TestService.Remote(2));
        await ReconciledAsync();
        Assert.Equal(2, Assert.Single(_target.Groups).Members.Count);
        Assert.Equal(2, _target.Members.Count);

        await SetAsync(TestService.Remote(2));
        await ReconciledAsync();
        Assert.Single(Assert.Single(_target.Groups).Members);
        Assert.Single(_target.Members);
        Assert.Single(Rows("tx_balance_tcp"));
        Assert.DoesNotContain(_target.Updates, u => u.Kind == Update.Types.Type.Modify);

        await _programmer.SubmitAsync(new ServiceIntent(TestService.Key(7), null), default);
        await ReconciledAsync();
        Assert.Equal((0, 0, 0), (_target.Groups.Count, _target.Members.Count, Rows("tx_balance_tcp").Count));
    }

    [Fact]
    public async Task Groups_are_read_back_by_ID()
    {
        await StartPackageAsync();
        await SetAsync(TestService.Remote(1), TestService.Remote(2));
        await ReconciledAsync();
        await CloseAsync();
        _target.ClearLog();

        Open(Package);
        await ReconciledAsync();
        Assert.Equal((0, 0L), (_target.Updates.Count, _programmer.Status.LastReconcile.Total));
    }

    private static NodeSettings PackageNode =>
        Node with { Profile = PipelineProfiles.Dpdk2401, Devices = new DeviceRules { Pool = [.. Pool.Skip(1)] } };

    private async Task StartPackageAsync()
    {
        _node = PackageNode;
        await StartAsync(new FaithfulBehaviours(), Package);
        await ReadyAsync();
        await ReconciledAsync();
    }

    private Task<ServiceOutcome> SetAsync(params Backend[] backends) =>
        _programmer.SubmitAsync(new ServiceIntent(TestService.Key(7), TestService.Of(7, backends)), default);
}
