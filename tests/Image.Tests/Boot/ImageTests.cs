using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>`make image-test`: the shipped image under emulation, with the real host-stub on the host.</summary>
public sealed class ImageTests(ITestOutputHelper output)
{
    // Several minutes on two busy cores: emulation is about twenty times slower than a core of the ACC.
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(20);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<string> _addresses = [];
    private string[] _pods = [];

    [Fact]
    public async Task The_image_boots_serves_a_host_and_survives_failures()
    {
        Needs.NotMissing(QemuMachine.Missing);
        await using var host = await TestHost.CreateAsync(cards: 2);
        var image = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE")!;
        await using var machine = await QemuMachine.FlashAsync(
            image, host.Folder, host.Namespace, await DeviceCertificate.ProvisionAsync(host), host.Cards);
        try
        {
            await FirstBootAsync(host, machine);
            await AssertImageAsync(machine, Path.ChangeExtension(image, ".squashfs"));
            await PodsAsync(host, machine);
            await RestartsAsync(host, machine);
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
        await machine.WaitReadyAsync(BootLimit);
        Report("reached over the console port", started);

        await DeviceCertificate.IssueAsync(host, machine);

        await machine.RetryAsync("systemctl is-active inframanager", "InfraManager starts after its certificate is installed", 900);
        host.StartAgent();
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served:\n{host.AgentLog}", 900);
        Report("first boot: from the start of QEMU to a served host, including issuing the certificate", started);
        await machine.RetryAsync("systemctl is-active accoffload-health", "the slot is marked good", 900);
    }

    /// <summary>Checks what an operator or auditor would inspect.</summary>
    private async Task AssertImageAsync(QemuMachine machine, string slot)
    {
        // The booted system is exactly the shipped one and contains nothing from the test.
        Assert.True(await SlotContent.Of(slot).IsInAsync(machine.Disk, "A"), $"slot A does not hold {slot}");
        var files = (await Shell.RunAsync(null, "unsquashfs", ["-q", "-ls", slot]).Succeeded()).Output;
        Assert.Contains("/usr/lib/accoffload/inframanager/inframanager", files);
        foreach (var word in new[] { "image-test", "guest-agent" })
        {
            Assert.DoesNotContain(word, files);
        }

        Assert.Equal("A_OK=1 A_TRY=0",
            await machine.OutputAsync("grub-editenv /boot/efi/EFI/accoffload/grubenv list | grep ^A_ | sort | paste -sd' '"));
        Assert.Contains("ro,", await machine.OutputAsync("grep ' / ' /proc/mounts") + ",");
        Assert.NotEqual(0, (await machine.RunAsync("touch /usr/x")).ExitCode);
        Assert.Equal("",
            await machine.OutputAsync("for f in gcc cc ld perl python3 sshd apt dpkg login-shell; do command -v $f; done; true"));
        Assert.Equal("",
            await machine.OutputAsync(
                "systemctl list-units --no-legend --plain 'getty@*' 'serial-getty@*' 'debug-shell*' | cut -d' ' -f1"));
        Assert.Equal("", await machine.OutputAsync("systemctl list-units --no-legend --plain --failed | cut -d' ' -f1"));
        Assert.Equal("active", await machine.OutputAsync("systemctl is-active systemd-timesyncd"));
        // The data partition has grown to the end of the disk, which is larger than the image.
        Assert.True(long.Parse(await machine.OutputAsync("df --output=size -k /var | tail -n 1")) > 150 * 1024,
            await machine.OutputAsync("df -k /var"));
        output.WriteLine("resident memory of InfraManager after its start: "
            + await machine.OutputAsync("grep VmRSS /proc/$(systemctl show -p MainPID --value inframanager)/status"));
        output.WriteLine("boot time according to systemd:\n"
            + await machine.OutputAsync("systemd-analyze time; systemd-analyze blame --no-pager | head -n 12"));
        output.WriteLine("memory:\n" + await machine.OutputAsync("free -m 2>/dev/null || head -n 3 /proc/meminfo"));
    }

    private async Task PodsAsync(TestHost host, QemuMachine machine)
    {
        _pods = [await host.CreatePodAsync("a"), await host.CreatePodAsync("b")];
        foreach (var pod in _pods)
        {
            _addresses.Add(await host.AddAsync(pod));
        }

        await WireAsync(host, machine, _pods);
        foreach (var pod in _pods)
        {
            Assert.Equal(0, (await host.CniAsync("CHECK", pod)).ExitCode);
        }

        var status = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json status"))!;
        Assert.Equal((2, true, true), ((int)status["endpoints"]!, (bool)status["ready"]!, (bool)status["reconciled"]!));

        // Each echo is routed by the pipeline in the machine, from one pod's card to the other's.
        var before = new[] { await PacketsAsync(machine, _pods[0]), await PacketsAsync(machine, _pods[1]) };
        await PingAsync();
        for (var i = 0; i < 2; i++)
        {
            var (received, sent) = await PacketsAsync(machine, _pods[i]);
            Assert.True(received >= before[i].Received + 5
                && sent >= before[i].Sent + 5, $"port {i}: {before[i]}, then {(received, sent)}");
        }
        output.WriteLine("pods in the machine's pipeline: " + await machine.OutputAsync("inframanager ctl tables pods"));
    }

    /// <summary>Restarts the service in several ways; pods keep their connectivity.</summary>
    private async Task RestartsAsync(TestHost host, QemuMachine machine)
    {
        var pid = await PidAsync(machine);
        await machine.OutputAsync("systemctl restart inframanager");
        await AssertServedAsync(host, machine, pid);

        // Killed: restarted by systemd.
        pid = await PidAsync(machine);
        await machine.OutputAsync($"kill -KILL {pid}");
        await AssertServedAsync(host, machine, pid);
        Assert.NotEqual("0", await machine.OutputAsync("systemctl show -p NRestarts --value inframanager"));

        // Hanging: killed by the watchdog and restarted.
        pid = await PidAsync(machine);
        await machine.OutputAsync($"kill -STOP {pid}");
        await AssertServedAsync(host, machine, pid);
        Assert.Contains("Watchdog timeout", await machine.OutputAsync("journalctl --no-pager -b -u inframanager | grep -i watchdog"));

        foreach (var pod in _pods)
        {
            Assert.Equal(0, (await host.CniAsync("CHECK", pod)).ExitCode);
            Assert.Equal(0, (await host.CniAsync("DEL", pod)).ExitCode);
        }
        Assert.Equal(0, (int)JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json status"))!["endpoints"]!);
    }

    /// <summary>Cuts the power during 100 concurrent ADDs: each acknowledged one exists after the next boot.</summary>
    private async Task PowerCutAsync(TestHost host, QemuMachine machine)
    {
        var pods = new List<string>();
        for (var i = 0; i < 100; i++)
        {
            pods.Add(await host.CreatePodAsync($"{i}"));
        }
        // The acknowledged ADDs and their addresses are recorded here, outside the machine.
        var acknowledged = new ConcurrentDictionary<string, string>();
        // Right at the twentieth response: on an idle machine polling could miss the whole burst.
        var cut = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        var answers = 0;
        var adds = pods.Select(async pod =>
        {
            // Like kubelet, retry an ADD that failed, for example because of a timeout on a busy machine.
            while (!cut.Task.IsCompleted)
            {
                var run = await host.CniAsync("ADD", pod);
                if (run.ExitCode != 0)
                {
                    continue;
                }

                acknowledged[pod] = TestHost.AddressIn(run.Output);
                if (Interlocked.Increment(ref answers) == 20)
                {
                    cut.SetResult(machine.CutPowerAsync());
                }

                return;
            }
        }).ToArray();
        await Eventually.TrueAsync(() => Task.FromResult(cut.Task.IsCompleted), () => $"ADDs are acknowledged:\n{host.AgentLog}", 900);
        await await cut.Task;
        // Stop the agent, so that the ACC must recover the state on its own.
        await host.StopAgentAsync();
        await Task.WhenAll(adds);
        output.WriteLine($"power cut: {acknowledged.Count} of 100 ADDs were acknowledged");
        Assert.InRange(acknowledged.Count, 20, 99);

        await host.UnwireAsync();
        var started = _clock.Elapsed;
        machine.Start();
        await machine.WaitReadyAsync(BootLimit);
        await machine.OutputAsync("inframanager ctl status --wait 280");
        Report("from the start of QEMU to READY with verified tables", started);
        output.WriteLine("READY according to the machine's clock: "
            + await machine.OutputAsync("systemctl show -p ActiveEnterTimestampMonotonic --value inframanager")
            + " µs after the kernel's start");
        var endpoints = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray();
        var present = endpoints.ToDictionary(e => (string)e!["containerId"]!, e => (string)e!["addresses"]![0]!);
        Assert.Equal(acknowledged.OrderBy(e => e.Key, StringComparer.Ordinal),
            present.Where(e => acknowledged.ContainsKey(e.Key)).OrderBy(e => e.Key, StringComparer.Ordinal));
        Assert.Empty(present.Keys.Except(pods));
        Assert.All(endpoints, e => Assert.Equal("programmed", (string)e!["state"]!));
        Assert.Equal("", await machine.OutputAsync("systemctl list-units --no-legend --plain --failed | cut -d' ' -f1"));
    }

    /// <summary>Connects the pods' ports to network cards of the machine and gives them the names that InfraManager expects.</summary>
    private static async Task WireAsync(TestHost host, QemuMachine machine, string[] pods)
    {
        for (var i = 0; i < pods.Length; i++)
        {
            await host.WireAsync(pods[i], i);
            var port = TestHost.PortOf(pods[i]);
            await machine.OutputAsync(
                $"card=$(ip -o link | grep -i {QemuMachine.CardMac(i)} | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); ip link set $card down; "
                + $"ip link set $card name {port} netns accoffload-dp; ip -n accoffload-dp link set {port} up");
        }
    }

    private static Task<string> PidAsync(QemuMachine machine) => machine.OutputAsync("systemctl show -p MainPID --value inframanager");

    /// <summary>The packet counters of a pod's port inside the machine.</summary>
    private static async Task<(long Received, long Sent)> PacketsAsync(QemuMachine machine, string pod)
    {
        var link = JsonNode.Parse(await machine.OutputAsync($"ip -n accoffload-dp -json -stats link show dev {TestHost.PortOf(pod)}"))![0]!;
        return ((long)link["stats64"]!["rx"]!["packets"]!, (long)link["stats64"]!["tx"]!["packets"]!);
    }

    private async Task PingAsync()
    {
        var (pod, address) = (_pods[0], _addresses[1]);
        ShellResult? last = null;
        await Eventually.TrueAsync(
            async () => (last = await TestHost.PingAsync(pod, address)).Output.Contains("5 received", StringComparison.Ordinal)
                && last.Output.Contains(" ttl=63 ", StringComparison.Ordinal), () => $"ping {address} from {pod}:\n{last?.Output}", 300);
    }

    private async Task AssertServedAsync(TestHost host, QemuMachine machine, string before)
    {
        await machine.RetryAsync($"test \"$(systemctl show -p MainPID --value inframanager)\" != {before} && systemctl is-active "
            + $"inframanager && inframanager ctl status --wait 60", "a new process serves", 900);
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served again:\n{host.AgentLog}", 600);
        await PingAsync();
    }

    private void Report(string what, TimeSpan since)
    {
        var line = $"{what}: {(_clock.Elapsed - since).TotalSeconds:0} s";
        output.WriteLine(line);
        // Also visible while the test runs.
        Console.WriteLine($"image-test: {line}");
    }
}
