using System.Diagnostics;
using System.Net;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.FakeKernel;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Benchmarks;

/// <summary>
/// Moves a function into a pod and back, alternately with the agent's pool and with the ip tool. The hardware is fake: the links are veth
/// ends, and only the rows "on demand" include creating and deleting one. The tool's steps are those of the SR-IOV CNI plugin without the
/// rename to a temporary name; it also sets the address.
/// </summary>
internal static class DeviceMoves
{
    private const string Address = "0000:03:00.0";

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        var name = $"accbench-pod-{Environment.ProcessId}";
        var prefix = $"b{Environment.ProcessId % 0xfffff:x}";
        NetNamespace.CreateNamed(name).Dispose();
        try
        {
            using var own = NetNamespace.OpenCurrent();
            using var netdevs = new NamespaceNetdevs(own);
            using var host = new FakeHost(netdevs);
            var physical = host.AddPci(Address, totalVfs: 4, netdev: prefix);
            physical.OnVfCreated = vf => vf.AddNetdev($"{prefix}v{vf.Number}");
            host.Pci.SetVfCount(Address, 4);
            host.AddDevlink(physical).Activation = port =>
            {
                port.Attach();
                port.AddNetdev($"{prefix}s{port.SfNumber}");
            };
            var hardware = new HostHardware(host.Pci, host.OpenDevlink, host.OpenRoute);
            var vf = new VfKind(new VfConfig([Address]), hardware, NullLogger.Instance);
            var warm = new SfKind(new SfConfig(DevlinkHandle.Pci(Address)), hardware);
            var cold = new SfKind(
                new SfConfig(DevlinkHandle.Pci(Address)) { Reuse = false, Numbers = new NumberRange(300, 300) }, hardware);

            List<double> vfAdd = [], vfDel = [], sfAdd = [], sfDel = [], coldAdd = [], coldDel = [], toolAdd = [], toolDel = [];
            var rounds = options.Rounds(60, 3);
            for (var round = 0; round <= rounds; round++)
            {
                var measured = round > 0;
                await OursAsync(vf, name, measured ? vfAdd : [], measured ? vfDel : []);
                await OursAsync(warm, name, measured ? sfAdd : [], measured ? sfDel : []);
                await OursAsync(cold, name, measured ? coldAdd : [], measured ? coldDel : []);
                await ToolAsync($"{prefix}v1", name, measured ? toolAdd : [], measured ? toolDel : []);
            }

            double add = Statistics.Median(toolAdd), del = Statistics.Median(toolDel);
            report.AddCompared("devices: VF into a pod, pool against ip tool", Statistics.Median(vfAdd), "ms", add);
            report.AddCompared("devices: VF back to the host", Statistics.Median(vfDel), "ms", del);
            report.AddCompared("devices: SF into a pod, warm", Statistics.Median(sfAdd), "ms", add);
            report.AddCompared("devices: SF back to the host", Statistics.Median(sfDel), "ms", del);
            report.AddCompared("devices: SF into a pod, created on demand by devlink", Statistics.Median(coldAdd), "ms", add);
            report.AddCompared("devices: SF deleted, after creation on demand", Statistics.Median(coldDel), "ms", del);
        }
        finally
        {
            NetNamespace.DeleteNamed(name);
        }
    }

    private static async Task OursAsync(IDeviceKind kind, string ns, List<double> add, List<double> del)
    {
        var key = new AttachmentKey("bench", "c1", "eth0");
        var started = Stopwatch.GetTimestamp();
        var plan = kind.Plan(new PlanRequest(key, "", new HashSet<string>(), new HashSet<string>()));
        var claim = new Claim
        {
            Key = key,
            State = ClaimState.Adding,
            DeviceKind = kind.Kind,
            Device = plan.Device,
            Origin = plan.Origin,
            PortName = plan.PortName,
            Mac = plan.Mac,
            Mtu = 1500,
            NetNs = NetNamespace.NamedPath(ns),
        };
        using (var pod = PodNetwork.Open(claim.NetNs, "eth0", allowHost: false))
        {
            var made = kind.Create(PortRequest.Of(claim), pod);
            pod.Configure(made.Index, [IPAddress.Parse("10.244.1.2")]);
            claim = claim with { Mac = made.Mac };
        }

        add.Add(Statistics.Milliseconds(started));
        started = Stopwatch.GetTimestamp();
        await kind.DeleteAsync(claim);
        del.Add(Statistics.Milliseconds(started));
    }

    private static async Task ToolAsync(string device, string ns, List<double> add, List<double> del)
    {
        var started = Stopwatch.GetTimestamp();
        await Shell.RunAsync(null, "sh",
            ["-ec", $"ip link set {device} down; ip link set {device} netns {ns}; ip -n {ns} link set {device} name eth0; ip -n {ns} addr "
                + $"add 10.244.1.3/32 dev eth0; ip -n {ns} link set eth0 up"]).Succeeded();
        add.Add(Statistics.Milliseconds(started));
        started = Stopwatch.GetTimestamp();
        await Shell.RunAsync(null, "sh",
            ["-ec", $"ip -n {ns} link set eth0 down; ip -n {ns} link set eth0 name {device}; ip -n {ns} link set {device} netns "
                + $"{Environment.ProcessId}"]).Succeeded();
        del.Add(Statistics.Milliseconds(started));
    }
}
