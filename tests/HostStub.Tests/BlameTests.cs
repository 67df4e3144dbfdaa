using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.HostStub.Tests;

/// <summary>A failure of the request, the pod or the machine is not attributed to the device.</summary>
public sealed class BlameTests
{
    [Theory]
    [InlineData("vf")]
    [InlineData("sf")]
    public async Task Names_that_the_kernel_reserves_quarantine_no_device(string kind)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(
            d => (d["Kind"], d["Vf"], d["Sf"]) = (kind, FunctionLab.Vf(7), FunctionLab.Sf()));
        var pod = lab.Agent.NewPod();

        foreach (var name in (string[])["all", "default", "eth%d", "all", "all", "all", "all", "all"])
        {
            (await Task.Run(() => lab.Agent.Run("ADD", pod, environment: e => e["CNI_IFNAME"] = name))).Failed(4);
        }

        await AssertNothingQuarantinedAsync(lab, kind, pod);
    }

    [Theory]
    [InlineData("vf")]
    [InlineData("sf")]
    public async Task A_name_that_exists_in_the_pod_quarantines_no_device(string kind)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(
            d => (d["Kind"], d["Vf"], d["Sf"]) = (kind, FunctionLab.Vf(7), FunctionLab.Sf()));
        var (pod, other) = (lab.Agent.NewPod(), lab.Agent.NewPod());
        // Also as an alternative name, which the kernel refuses only when the device is moved.
        var (exit, _, error) = await Shell.RunAsync(
            null, "ip", ["-n", other.Namespace, "link", "property", "add", "dev", "lo", "altname", "eth0"]);
        Assert.True(exit == 0, error);

        for (var i = 0; i < 7; i++)
        {
            Assert.Contains("exists", (await lab.Agent.RunAsync("ADD", other)).Failed(999).Message, StringComparison.Ordinal);
            (await Task.Run(() => lab.Agent.Run("ADD", pod, environment: e => e["CNI_IFNAME"] = "lo"))).Failed(999);
            (await Task.Run(() => lab.Agent.Request("ADD", "c1", "/run/netns/there-is-none"))).Failed(8);
        }

        await AssertNothingQuarantinedAsync(lab, kind, pod);
    }

    [Theory]
    [InlineData("all")]
    [InlineData("default")]
    [InlineData("eth%d")]
    public async Task A_reserved_name_for_a_veth_fails_with_code_4(string name)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();

        var answer = (await Task.Run(() => lab.Run("ADD", lab.NewPod(), environment: e => e["CNI_IFNAME"] = name))).Failed(4);

        Assert.Contains($"CNI_IFNAME is not valid: \"{name}\"", answer.Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    [Fact]
    public void A_device_is_quarantined_only_for_its_own_failures()
    {
        Assert.True(DeviceFault.IsDeviceAtFault(new LinuxException("activate", Errno.ETIMEDOUT)));
        Assert.True(DeviceFault.IsDeviceAtFault(new CniException(CniErrorCode.TryAgainLater, "the virtual function is gone")));
        Assert.False(DeviceFault.IsDeviceAtFault(new CniException(CniErrorCode.InvalidNetworkConfig, "v0 does not support mtu 9000")));
        foreach (var errno in (Errno[])[Errno.EMFILE, Errno.ENOMEM, Errno.ENOBUFS, Errno.EPERM, Errno.EEXIST])
        {
            Assert.False(DeviceFault.IsDeviceAtFault(new LinuxException("open a socket", errno)));
        }
    }

    private static async Task AssertNothingQuarantinedAsync(FunctionLab lab, string kind, Pod pod)
    {
        Assert.Empty(lab.Pool(kind)["setAside"]!.AsArray());
        if (kind == "vf")
        {
            Assert.Equal(7, lab.Free("vf").Length);
        }

        Assert.Equal("", lab.Agent.Request("STATUS", "", "").Succeeded().ErrorText);
        lab.Agent.AssertNothingLeft();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
    }
}
