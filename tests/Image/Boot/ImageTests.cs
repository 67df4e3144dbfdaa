using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>`make image-test`: the shipped image under emulation, with the real host-stub beside it.</summary>
public sealed class ImageTests(ITestOutputHelper output)
{
    // Minutes on a machine with two busy cores: emulation takes some twenty times longer than a core of the ACC.
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(20);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<string> _addresses = [];
    private string[] _pods = [];

    [QemuFact]
    public async Task The_image_boots_serves_a_host_and_survives_what_happens_to_it()
    {
        await using var host = await TestHost.MakeAsync(cards: 2);
        var image = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE")!;
        await using var machine = await QemuMachine.FlashAsync(
            image, host.Folder, host.Namespace, await DeviceCertificate.ProvisionAsync(host), host.Cards);
        try
        {
            await FirstBootAsync(host, machine);
            await ShippedAsync(machine, Path.ChangeExtension(image, ".squashfs"));
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

        await machine.UntilAsync("systemctl is-active inframanager", "inframanager starts when its certificate is there", 900);
        host.StartAgent();
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served:\n{host.AgentLog}", 900);
        Say("first boot: QEMU start to a host that is served, with the certificate's issue", started);
        await machine.UntilAsync("systemctl is-active accoffload-health", "the slot is found good", 900);
    }

    /// <summary>What an operator, and an auditor, would look at.</summary>
    private async Task ShippedAsync(QemuMachine machine, string slot)
    {
        // What was booted is what is shipped, byte for byte, and nothing of the test's is in it.
        Assert.True(await SlotContent.Of(slot).IsInAsync(machine.Disk, "A"), $"slot A does not hold {slot}");
        var files = (await Shell.RunAsync(null, "unsquashfs", ["-q", "-ls", slot]).Succeeded()).Output;
        Assert.Contains("/usr/lib/accoffload/inframanager/inframanager", files);
        foreach (var word in new[] { "image-test", "guest-agent" })
        {
            Assert.DoesNotContain(word, files);
        }

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
        _pods = [await host.MakePodAsync("a"), await host.MakePodAsync("b")];
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

        // Each echo goes through the pipeline in the machine: in at one pod's card and out at the other's, a hop on the way.
        var before = new[] { await PacketsAsync(machine, _pods[0]), await PacketsAsync(machine, _pods[1]) };
        await PingAsync();
        for (var i = 0; i < 2; i++)
        {
            var (received, sent) = await PacketsAsync(machine, _pods[i]);
            Assert.True(received >= before[i].Received + 5 && sent >= before[i].Sent + 5, $"port {i}: {before[i]}, then {(received, sent)}");
        }
        output.WriteLine("the machine's pipeline knows: " + await machine.OutputAsync("inframanager ctl tables pods"));
    }

    /// <summary>The service goes and comes, in each of the ways; pods keep their connectivity.</summary>
    private async Task ServiceAsync(TestHost host, QemuMachine machine)
    {
        var pid = await PidAsync(machine);
        await machine.OutputAsync("systemctl restart inframanager");
        await ServedAsync(host, machine, pid);

        // Killed: started again by systemd.
        pid = await PidAsync(machine);
        await machine.OutputAsync($"kill -KILL {pid}");
        await ServedAsync(host, machine, pid);
        Assert.NotEqual("0", await machine.OutputAsync("systemctl show -p NRestarts --value inframanager"));

        // Standing still: the watchdog ends it, and it is started again.
        pid = await PidAsync(machine);
        await machine.OutputAsync($"kill -STOP {pid}");
        await ServedAsync(host, machine, pid);
        Assert.Contains("Watchdog timeout", await machine.OutputAsync("journalctl --no-pager -b -u inframanager | grep -i watchdog"));

        foreach (var pod in _pods)
        {
            Assert.Equal(0, (await host.CniAsync("CHECK", pod)).ExitCode);
            Assert.Equal(0, (await host.CniAsync("DEL", pod)).ExitCode);
        }
        Assert.Equal(0, (int)JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json status"))!["endpoints"]!);
    }

    /// <summary>100 ADDs at once, and the power goes: each one that was acknowledged is there after the next boot.</summary>
    private async Task PowerCutAsync(TestHost host, QemuMachine machine)
    {
        var pods = new List<string>();
        for (var i = 0; i < 100; i++)
        {
            pods.Add(await host.MakePodAsync($"{i}"));
        }
        // What was acknowledged, and with which address, is written down here, outside of the machine.
        var acknowledged = new ConcurrentDictionary<string, string>();
        // On the twentieth's own heels: on an idle machine a hundred are done between two looks.
        var cut = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        var answers = 0;
        var adds = pods.Select(async pod =>
        {
            // As a kubelet does: an ADD that failed, on a busy machine by its time limit, comes again.
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
        // Nobody may tell the ACC again what it has to know by itself.
        await host.StopAgentAsync();
        await Task.WhenAll(adds);
        output.WriteLine($"power cut: {acknowledged.Count} of 100 ADDs were acknowledged");
        Assert.InRange(acknowledged.Count, 20, 99);

        await host.UnwireAsync();
        var started = _clock.Elapsed;
        machine.Start();
        await machine.ReachAsync(BootLimit);
        await machine.OutputAsync("inframanager ctl status --wait 280");
        Say("QEMU start to READY and tables verified", started);
        output.WriteLine("READY by the machine's own clock: " + await machine.OutputAsync("systemctl show -p ActiveEnterTimestampMonotonic --value inframanager") + " µs after the kernel's start");
        var endpoints = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray();
        var present = endpoints.ToDictionary(e => (string)e!["containerId"]!, e => (string)e!["addresses"]![0]!);
        Assert.Equal(acknowledged.OrderBy(e => e.Key, StringComparer.Ordinal), present.Where(e => acknowledged.ContainsKey(e.Key)).OrderBy(e => e.Key, StringComparer.Ordinal));
        Assert.Empty(present.Keys.Except(pods));
        Assert.All(endpoints, e => Assert.Equal("programmed", (string)e!["state"]!));
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

    private static Task<string> PidAsync(QemuMachine machine) => machine.OutputAsync("systemctl show -p MainPID --value inframanager");

    /// <summary>What a pod's port counted inside the machine.</summary>
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
            async () => (last = await TestHost.PingAsync(pod, address)).Output.Contains("5 received", StringComparison.Ordinal) && last.Output.Contains(" ttl=63 ", StringComparison.Ordinal), () => $"ping {address} from {pod}:\n{last?.Output}", 300);
    }

    private async Task ServedAsync(TestHost host, QemuMachine machine, string before)
    {
        await machine.UntilAsync($"test \"$(systemctl show -p MainPID --value inframanager)\" != {before} && systemctl is-active inframanager && inframanager ctl status --wait 60", "another process serves", 900);
        await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served again:\n{host.AgentLog}", 600);
        await PingAsync();
    }

    private void Say(string what, TimeSpan since)
    {
        var line = $"{what}: {(_clock.Elapsed - since).TotalSeconds:0} s";
        output.WriteLine(line);
        // Seen while the test runs, too.
        Console.WriteLine($"image-test: {line}");
    }
}
