using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;
using Xunit.Abstractions;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>`make image-test`: the shipped image under emulation, with the real host-stub beside it.</summary>
public sealed class ImageTests(ITestOutputHelper output)
{
    // Minutes on a machine with two busy cores: emulation takes some twenty times longer than a core of the ACC.
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    [QemuFact]
    public async Task The_image_boots_serves_a_host_and_survives_what_happens_to_it()
    {
        await using var host = await TestHost.MakeAsync(cards: 2);
        await using var machine = await QemuMachine.FlashAsync(
            Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE")!, host.Folder, host.Namespace, await DeviceCertificate.ProvisionAsync(host), host.Cards);
        try
        {
            await FirstBootAsync(host, machine);
            await ShippedAsync(machine);
            await PodsAsync(host, machine);
            await ServiceAsync(host, machine);
            await PowerCutAsync(host, machine);
        }
        catch
        {
            output.WriteLine($"--- console\n{machine.Tail()}\n--- agent\n{host.AgentLog}");
            throw;
        }
    }

    private async Task FirstBootAsync(TestHost host, QemuMachine machine)
    {
        var started = _clock.Elapsed;
        machine.Start();
        await machine.ReachAsync(BootLimit);
        Say("reached over the console's port", started);

        await DeviceCertificate.IssueAsync(host, machine);

        await machine.UntilAsync("systemctl is-active inframanager", "inframanager starts when its certificate is there");
        host.StartAgent();
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served:\n{host.AgentLog}", 300);
        Say("first boot: QEMU start to a host that is served, with the certificate's issue", started);
        await machine.UntilAsync("systemctl is-active accoffload-health", "the slot is found good");
    }

    /// <summary>What an operator, and an auditor, would look at.</summary>
    private async Task ShippedAsync(QemuMachine machine)
    {
        Assert.Equal("A_OK=1 A_TRY=0", await machine.OutputAsync("grub-editenv /boot/efi/EFI/accoffload/grubenv list | grep ^A_ | sort | paste -sd' '"));
        Assert.Contains("ro,", await machine.OutputAsync("grep ' / ' /proc/mounts") + ",");
        Assert.NotEqual(0, (await machine.AskAsync("touch /usr/x")).ExitCode);
        Assert.Equal("", await machine.OutputAsync("for f in gcc cc ld perl python3 sshd apt dpkg login-shell; do command -v $f; done; true"));
        Assert.Equal("", await machine.OutputAsync("systemctl list-units --no-legend --plain 'getty@*' 'serial-getty@*' 'debug-shell*' | cut -d' ' -f1"));
        Assert.Equal("", await machine.OutputAsync("systemctl list-units --no-legend --plain --failed | cut -d' ' -f1"));
        Assert.Equal("active", await machine.OutputAsync("systemctl is-active systemd-timesyncd"));
        // The data partition has grown to the end of the disk, which is larger than the image.
        Assert.True(long.Parse(await machine.OutputAsync("df --output=size -k /var | tail -n 1")) > 150 * 1024, await machine.OutputAsync("df -k /var"));
        output.WriteLine("resident memory of inframanager after its start: " + await machine.OutputAsync("grep VmRSS /proc/$(systemctl show -p MainPID --value inframanager)/status"));
        output.WriteLine("systemd's own account:\n" + await machine.OutputAsync("systemd-analyze time; systemd-analyze blame --no-pager | head -n 12"));
        output.WriteLine("memory:\n" + await machine.OutputAsync("free -m 2>/dev/null || head -n 3 /proc/meminfo"));
    }

    private async Task PodsAsync(TestHost host, QemuMachine machine)
    {
        var pods = new[] { await host.MakePodAsync("a"), await host.MakePodAsync("b") };
        var addresses = new List<string>();
        foreach (var pod in pods)
            addresses.Add(await host.AddAsync(pod));
        await WireAsync(host, machine, pods);
        Assert.Equal(0, (await host.CniAsync("CHECK", pods[0])).ExitCode);
        var status = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json status"))!;
        Assert.Equal(2, (int)status["endpoints"]!);
        await PingAsync(pods[0], addresses[1]);
        output.WriteLine("the pipeline in the machine counted: " + await machine.OutputAsync("inframanager ctl tables pods"));

        // The daemon goes and comes; pods keep their connectivity.
        var pid = await machine.OutputAsync("systemctl show -p MainPID --value inframanager");
        await machine.OutputAsync("systemctl restart inframanager");
        await ServedAsync(host, machine, pid);
        await PingAsync(pods[0], addresses[1]);
    }

    private async Task ServiceAsync(TestHost host, QemuMachine machine)
    {
        // Killed: started again by systemd.
        var pid = await machine.OutputAsync("systemctl show -p MainPID --value inframanager");
        await machine.OutputAsync($"kill -KILL {pid}");
        await ServedAsync(host, machine, pid);

        // Standing still: the watchdog ends it, and it is started again.
        pid = await machine.OutputAsync("systemctl show -p MainPID --value inframanager");
        await machine.OutputAsync($"kill -STOP {pid}");
        await ServedAsync(host, machine, pid);
        Assert.Contains("watchdog", await machine.OutputAsync("journalctl --no-pager -b -u inframanager | grep -i watchdog"), StringComparison.OrdinalIgnoreCase);

        foreach (var pod in new[] { "a", "b" })
            Assert.Equal(0, (await host.CniAsync("DEL", $"{host.Namespace}-{pod}")).ExitCode);
        Assert.Equal(0, (int)JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json status"))!["endpoints"]!);
    }

    /// <summary>100 ADDs at once, and the power goes: each one that was acknowledged is there after the next boot.</summary>
    private async Task PowerCutAsync(TestHost host, QemuMachine machine)
    {
        var pods = new List<string>();
        for (var i = 0; i < 100; i++)
            pods.Add(await host.MakePodAsync($"{i}"));
        var acknowledged = new System.Collections.Concurrent.ConcurrentBag<string>();
        var adds = pods.Select(async pod =>
        {
            if ((await host.CniAsync("ADD", pod)).ExitCode == 0)
                acknowledged.Add(pod);
        }).ToArray();
        await Eventually.TrueAsync(() => Task.FromResult(acknowledged.Count >= 20), () => $"ADDs are acknowledged:\n{host.AgentLog}", 300);
        await machine.CutPowerAsync();
        // Nobody may tell the ACC again what it has to know by itself.
        await host.StopAgentAsync();
        var held = acknowledged.ToHashSet();
        await Task.WhenAll(adds);
        output.WriteLine($"power cut: {held.Count} of 100 ADDs were acknowledged");

        await host.UnwireAsync();
        var started = _clock.Elapsed;
        machine.Start();
        await machine.ReachAsync(BootLimit);
        await machine.OutputAsync("inframanager ctl status --wait 300");
        Say("QEMU start to READY and tables verified", started);
        output.WriteLine("READY by the machine's own clock: " + await machine.OutputAsync("systemctl show -p ActiveEnterTimestampMonotonic --value inframanager") + " µs after the kernel's start");
        var endpoints = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray();
        var present = endpoints.Select(e => (string)e!["containerId"]!).ToHashSet();
        Assert.Empty(held.Except(present));
        Assert.Empty(present.Except(pods));
        Assert.Equal("", await machine.OutputAsync("systemctl list-units --no-legend --plain --failed | cut -d' ' -f1"));
    }

    /// <summary>The pods' ports become network cards of the machine, under the names that inframanager waits for.</summary>
    private static async Task WireAsync(TestHost host, QemuMachine machine, string[] pods)
    {
        for (var i = 0; i < pods.Length; i++)
        {
            await host.WireAsync(pods[i], i);
            var port = TestHost.PortOf(pods[i]);
            await machine.OutputAsync(
                $"card=$(ip -o link | grep -i {QemuMachine.CardMac(i)} | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); ip link set $card down; ip link set $card name {port} netns accoffload-dp; ip -n accoffload-dp link set {port} up");
        }
    }

    private static async Task PingAsync(string pod, string address)
    {
        ShellResult? last = null;
        await Eventually.TrueAsync(
            async () => (last = await TestHost.PingAsync(pod, address)).Output.Contains("5 received", StringComparison.Ordinal), () => $"ping {address} from {pod}:\n{last?.Output}", 120);
    }

    private static async Task ServedAsync(TestHost host, QemuMachine machine, string before)
    {
        await machine.UntilAsync($"test \"$(systemctl show -p MainPID --value inframanager)\" != {before} && systemctl is-active inframanager && inframanager ctl status --wait 60", "another process serves");
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served again:\n{host.AgentLog}", 180);
    }

    private void Say(string what, TimeSpan since)
    {
        var line = $"{what}: {(_clock.Elapsed - since).TotalSeconds:0} s";
        output.WriteLine(line);
        // Seen while the test runs, too.
        Console.WriteLine($"image-test: {line}");
    }
}
