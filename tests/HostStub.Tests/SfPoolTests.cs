using ACCOffload.FakeKernel;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests;

/// <summary>Subfunctions through the plugin, with a fake switch, but real links, namespaces and gRPC.</summary>
public sealed class SfPoolTests
{
    [Fact]
    public async Task A_subfunction_is_created_on_demand_and_kept_for_the_next_pod()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Sf"]) = ("sf", FunctionLab.Sf()));
        var pod = lab.Agent.NewPod();

        var result = (await lab.Agent.RunAsync("ADD", pod)).Succeeded().Output!;

        var made = Assert.Single(lab.Switch.Subfunctions);
        Assert.Equal((10u, true), (made.SfNumber!.Value, made.Active));
        var mac = FunctionLab.PodLink(pod)!.Mac;
        Assert.Equal(mac.ToString(), (string?)result["interfaces"]![0]!["mac"]);
        Assert.Equal(mac.ToArray(), Assert.Single(lab.Agent.Acc.Model.Pods).Device.Mac.ToByteArray());
        (await lab.Agent.RunAsync("CHECK", pod, prevResult: result)).Succeeded();
        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        Assert.Equal(["pci/0000:03:00.0/sf10"], lab.Free("sf"));
        Assert.NotNull(FunctionLab.Link("accsf10"));

        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        Assert.Equal(mac, FunctionLab.PodLink(pod)!.Mac);
        Assert.Single(lab.Switch.Subfunctions);
    }

    [Fact]
    public async Task Without_reuse_a_subfunction_is_deleted_with_its_pod_and_its_function_gets_the_random_MAC()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var sf = FunctionLab.Sf();
            (sf["Reuse"], sf["Mac"]) = (false, "random");
            (d["Kind"], d["Sf"]) = ("sf", sf);
        });
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        Assert.Equal(FunctionLab.PodLink(pod)!.Mac, Assert.Single(lab.Switch.Subfunctions).FunctionMac);
        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        Assert.Empty(lab.Switch.Subfunctions);
        lab.Agent.AssertNothingLeft();
    }

    [Fact]
    public async Task The_configured_count_of_free_subfunctions_is_kept_ready()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var sf = FunctionLab.Sf();
            sf["Warm"] = 2;
            (d["Kind"], d["Sf"]) = ("sf", sf);
        });
        Assert.Equal([10u, 11u], lab.Switch.Subfunctions.Where(s => s.Active).Select(s => s.SfNumber!.Value));
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        await Eventually.TrueAsync(() => lab.Free("sf").Length == 2, () => string.Join('\n', lab.Agent.Log.Lines));
        Assert.Equal(3, lab.Switch.Subfunctions.Count);
    }

    [Fact]
    public async Task A_subfunction_that_does_not_become_operational_is_quarantined_and_leaves_nothing()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var sf = FunctionLab.Sf();
            sf["ActivationSeconds"] = 1;
            (d["Kind"], d["Sf"]) = ("sf", sf);
        });
        var works = lab.Switch.Activation;
        lab.Switch.Activation = port =>
        {
            if (port.SfNumber != 10)
            {
                works(port);
            }
        };
        var pod = lab.Agent.NewPod();

        var failed = (await lab.Agent.RunAsync("ADD", pod)).Failed(11);

        Assert.Contains("the sf pci/0000:03:00.0/sf10 can't be configured and is set aside", failed.Message, StringComparison.Ordinal);
        Assert.Empty(lab.Switch.Subfunctions);
        Assert.Contains(
            "sf pci/0000:03:00.0/sf10 is set aside until",
            lab.Agent.Request("STATUS", "", "").Succeeded().ErrorText,
            StringComparison.Ordinal);
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        Assert.Equal(11u, Assert.Single(lab.Switch.Subfunctions).SfNumber);
    }

    [Fact]
    public async Task The_kernels_message_reaches_the_user()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Sf"]) = ("sf", FunctionLab.Sf()));
        lab.Host.Refuse = request => request.Name.Contains("new", StringComparison.OrdinalIgnoreCase)
            ? new FakeError(Errno.EOPNOTSUPP, "Port addition isn't supported")
            : null;
        Assert.Contains(
            "Port addition isn't supported",
            (await lab.Agent.RunAsync("ADD", lab.Agent.NewPod())).Failed(11).Message,
            StringComparison.Ordinal);
        lab.Agent.AssertNothingLeft();
    }

    [Fact]
    public async Task A_subfunction_that_disappeared_is_recreated_with_the_same_number()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Sf"]) = ("sf", FunctionLab.Sf()));
        var pod = lab.Agent.NewPod();
        var result = (await lab.Agent.RunAsync("ADD", pod)).Succeeded().Output!;
        var mac = FunctionLab.PodLink(pod)!.Mac;
        lab.Switch.Subfunctions[0].Vanish();
        Assert.Contains(
            "the subfunction pci/0000:03:00.0/sf10 of",
            (await lab.Agent.RunAsync("CHECK", pod, prevResult: result)).Failed(999).Message,
            StringComparison.Ordinal);
        await Eventually.TrueAsync(() => FunctionLab.PodLink(pod) is { IsUp: true }, () => string.Join('\n', lab.Agent.Log.Lines));
        Assert.Equal(mac, FunctionLab.PodLink(pod)!.Mac);
        Assert.Equal(10u, Assert.Single(lab.Switch.Subfunctions).SfNumber);
    }
}
