using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>
/// `make update-test`: signed updates with the real boot loader: a good one, one that fails its health check, and some interrupted by
/// power loss.
/// </summary>
public sealed class UpdateTests(ITestOutputHelper output)
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(20);

    // UPDATE_TEST_ROUNDS: the number of interrupted updates.
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("UPDATE_TEST_ROUNDS"), out var rounds)
        ? rounds
        : 10;

    private const string Variables = "/boot/efi/EFI/accoffload/grubenv";

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Dictionary<string, SlotContent> _versions = [];

    // The running slot and version, and the endpoint of the pod added at the beginning.
    private string _slot = "A";
    private string _version = "";
    private string _endpoint = "";

    private string Other => _slot == "A" ? "B" : "A";

    [Fact]
    public async Task A_good_update_stays_and_bad_or_interrupted_ones_are_rolled_back()
    {
        Needs.NotMissing(QemuMachine.Missing);
        await using var host = await TestHost.CreateAsync(cards: 0);
        var provision = await DeviceCertificate.ProvisionAsync(host);
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/update/make-keys", [host.At("keys")]).Succeeded();
        File.Copy(host.At("keys/keyring.pem"), Path.Combine(provision, "keyring.pem"));
        var image = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE")!;
        await using var machine = await QemuMachine.FlashAsync(image, host.Folder, host.Namespace, provision, host.Cards);
        machine.SecondDisk = await BuildBundlesAsync(host, Path.ChangeExtension(image, ".squashfs"));
        try
        {
            machine.Start();
            await machine.WaitReadyAsync(BootLimit);
            await DeviceCertificate.IssueAsync(host, machine);
            await machine.RetryAsync("systemctl is-active inframanager accoffload-health",
                "InfraManager runs and the slot is marked good", 900);
            host.StartAgent();
            await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served:\n{host.AgentLog}", 600);
            var pod = await host.CreatePodAsync("a");
            await host.AddAsync(pod);
            // The agent is stopped from here on: later state must come from the device itself.
            await host.StopAgentAsync();
            _version = await machine.OutputAsync("cat /usr/lib/accoffload/image/version");
            _versions[_version] = SlotContent.Of(Path.ChangeExtension(image, ".squashfs"));
            _endpoint = await EndpointAsync(machine);
            Assert.Contains(pod, _endpoint);
            Report("device with a pod, running slot A");

            if (Runs("good"))
            {
                await GoodUpdateAsync(machine);
            }

            if (Runs("bad"))
            {
                await FailingUpdateAsync(machine);
            }

            if (Runs("cut"))
            {
                await InterruptedUpdatesAsync(machine);
            }

            Report("done");
        }
        catch
        {
            output.WriteLine($"--- console\n{machine.Tail()}\n--- agent\n{host.AgentLog}");
            throw;
        }
    }

    /// <summary>UPDATE_TEST=good,bad,cut selects the parts to run; all by default.</summary>
    private static bool Runs(string part) =>
        Environment.GetEnvironmentVariable("UPDATE_TEST") is not { Length: > 0 } parts || parts.Split(',').Contains(part);

    private async Task GoodUpdateAsync(QemuMachine machine)
    {
        var started = _clock.Elapsed;
        await InstallAsync(machine, "next");
        Report($"installed within {(_clock.Elapsed - started).TotalSeconds:0.0} s");
        await RebootAsync(machine);
        (_slot, _version) = (Other, "next");
        await AssertHealthyAsync(machine);
        Report($"updated from {Other} to {_slot}, marked good");

        var forged =
            await machine.RunAsync(
                "cp /run/bundles/next.raucb /var/tmp/forged.raucb && printf x | dd of=/var/tmp/forged.raucb bs=1 seek=1000000 "
                + "conv=notrunc status=none; rauc install /var/tmp/forged.raucb; code=$?; rm /var/tmp/forged.raucb; exit $code");
        Assert.NotEqual(0, forged.ExitCode);
        Assert.NotEqual(0, (await machine.RunAsync("rauc install /run/bundles/foreign.raucb")).ExitCode);
        await AssertHealthyAsync(machine);
        Report("modified and foreign-signed bundles are rejected");
    }

    private async Task FailingUpdateAsync(QemuMachine machine)
    {
        await InstallAsync(machine, "bad");
        var before = machine.Console.Length;
        await machine.RunAsync("systemctl --no-block reboot");
        // Three boots of the new slot, each ended by the health check, then an automatic fallback to the old one.
        await Eventually.TrueAsync(() => Task.FromResult(machine.Console[before..]
            .Contains($"slot {_slot}, start", StringComparison.Ordinal)), () => $"the old slot boots again:\n{machine.Tail()}", 3600);
        var console = machine.Console[before..];
        foreach (var start in new[] { 1, 2, 3 })
        {
            Assert.Contains($"slot {Other}, start {start}", console);
        }

        await machine.WaitReadyAsync(BootLimit);
        await AssertHealthyAsync(machine);
        Report($"an update that is never ready: three boots of {Other}, then back to {_slot}");
    }

    /// <summary>Each round resumes from the same saved state, right before an installation.</summary>
    private async Task InterruptedUpdatesAsync(QemuMachine machine)
    {
        await MountAsync(machine);
        await machine.OutputAsync("sync");
        await machine.SaveAsync();
        var (slot, version) = (_slot, _version);
        Report("state saved");

        // The duration of an installation: the power is cut during it or shortly after.
        await machine.ResumeAsync();
        var started = _clock.Elapsed;
        await machine.OutputAsync("rauc install /run/bundles/other.raucb");
        var installation = _clock.Elapsed - started;
        await machine.CutPowerAsync();
        Report($"an installation takes {installation.TotalSeconds:0.0} s");

        var unfinished = 0;
        for (var round = 1; round <= Rounds; round++)
        {
            await machine.ResumeAsync();
            await machine.OutputAsync("systemd-run --quiet --unit=install rauc install /run/bundles/other.raucb");
            var milliseconds = RandomNumberGenerator.GetInt32(100, (int)(installation.TotalMilliseconds * 1.1));
            await Task.Delay(milliseconds);
            await machine.CutPowerAsync();
            machine.Start();
            await machine.WaitReadyAsync(BootLimit);
            // Either completed before the power was cut, or without any effect.
            _slot = await SlotAsync(machine);
            _version = _slot == slot ? version : "other";
            await AssertHealthyAsync(machine);
            unfinished += _slot == slot ? 1 : 0;
            var bootable = await machine.OutputAsync($"grub-editenv {Variables} list | sed -n 's/^\\([AB]\\)_OK=1$/\\1/p'");
            await machine.CutPowerAsync();
            // Every bootable slot holds a complete version, and the running slot holds the expected one.
            Assert.Contains(_slot, bootable.Split('\n'));
            foreach (var name in bootable.Split('\n'))
            {
                List<string> complete = [];
                foreach (var (known, content) in _versions)
                {
                    if (await content.IsInAsync(machine.Disk, name))
                    {
                        complete.Add(known);
                    }
                }
                Assert.True(name == _slot
                    ? complete.Contains(_version)
                    : complete.Count > 0, $"slot {name} is bootable and holds {(complete is [var found] ? found : "no complete version")}");
            }
            Report($"power cut after {milliseconds} ms: slot {_slot}, version {_version}; bootable: {bootable.ReplaceLineEndings(" ")}");
        }
        Assert.True(unfinished > 0, "no installation was interrupted");
        Report($"{Rounds} power cuts, {unfinished} of them during the installation");
    }

    private static async Task InstallAsync(QemuMachine machine, string name)
    {
        await MountAsync(machine);
        await machine.OutputAsync($"rauc install /run/bundles/{name}.raucb");
    }

    private static Task<string> MountAsync(QemuMachine machine) =>
        machine.OutputAsync(
            "mkdir -p /run/bundles && { mountpoint -q /run/bundles || mount -o ro /dev/disk/by-label/bundles /run/bundles; }");

    private static async Task RebootAsync(QemuMachine machine)
    {
        var boot = await machine.OutputAsync("cat /proc/sys/kernel/random/boot_id");
        await machine.RunAsync("systemctl --no-block reboot");
        await Eventually.TrueAsync(
            async () =>
            {
                await machine.WaitReadyAsync(BootLimit);
                try
                {
                    return (await machine.RunAsync("cat /proc/sys/kernel/random/boot_id", TimeSpan.FromSeconds(10))).Output.Trim()
                        is { Length: > 0 } now && now != boot;
                }
                catch (Exception e) when (e is TimeoutException or IOException)
                {
                    // The machine went down between two commands.
                    return false;
                }
            },
            () => $"the machine reboots:\n{machine.Tail()}", 1800);
    }

    private static Task<string> SlotAsync(QemuMachine machine) => machine.OutputAsync("sed 's/.*rauc.slot=\\(.\\).*/\\1/' /proc/cmdline");

    /// <summary>The only endpoint known to InfraManager.</summary>
    private static async Task<string> EndpointAsync(QemuMachine machine) =>
        Assert.Single(
            JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray())!.ToJsonString();

    /// <summary>Checks that the slot runs the version, is marked good and has the pod added at the beginning.</summary>
    private async Task AssertHealthyAsync(QemuMachine machine)
    {
        await machine.RetryAsync("systemctl is-active accoffload-health", "the slot is marked good", 1800);
        Assert.Equal(_slot, await SlotAsync(machine));
        Assert.Equal(_version, await machine.OutputAsync("cat /usr/lib/accoffload/image/version"));
        Assert.Equal($"{_slot}_OK=1 {_slot}_TRY=0",
            await machine.OutputAsync($"grub-editenv {Variables} list | grep ^{_slot}_ | sort | paste -sd' '"));
        await machine.OutputAsync("inframanager ctl status --wait 240");
        Assert.Equal(_endpoint, await EndpointAsync(machine));
    }

    /// <summary>Builds a disk with bundles of the shipped root file system as other versions, one of which never becomes ready, and one
    /// signed with a foreign key.</summary>
    private async Task<string> BuildBundlesAsync(TestHost host, string slot)
    {
        var files = Directory.CreateDirectory(host.At("bundles")).FullName;
        var root = host.At("root");
        await Shell.RunAsync(null, "unsquashfs", ["-q", "-n", "-d", root, slot], limit: TimeSpan.FromMinutes(9)).Succeeded();
        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/update/make-keys", [host.At("foreign")]).Succeeded();
        foreach (var version in new[] { "next", "other", "bad" })
        {
            await File.WriteAllTextAsync(Path.Combine(root, "usr/lib/accoffload/image/version"), version + "\n");
            // The bad version fails its health check quickly; the others get more time than on hardware, because of emulation.
            Directory.CreateDirectory(Path.Combine(root, "usr/lib/systemd/system/accoffload-health.service.d"));
            await File.WriteAllTextAsync(
                Path.Combine(root,
                    "usr/lib/systemd/system/accoffload-health.service.d/test.conf"), $"[Service]\nEnvironment=HEALTH_SECONDS={(version == "bad" ? 20 : 1200)}\nTimeoutStartSec=30min\n");
            if (version == "bad")
            {
                await File.WriteAllTextAsync(Path.Combine(root, "usr/lib/systemd/system/inframanager.service"),
                    "[Service]\nExecStart=/bin/false\n");
            }

            var squashfs = host.At($"{version}.squashfs");
            await Shell.RunAsync(
                null, "mksquashfs", [root, squashfs, "-comp", "gzip", "-Xcompression-level", "1", "-noappend", "-no-xattrs",
                    "-no-progress", "-quiet"], limit: TimeSpan.FromMinutes(9)).Succeeded();
            _versions[version] = SlotContent.Of(squashfs);
            await BuildBundleAsync(host, "keys", version, squashfs, Path.Combine(files, $"{version}.raucb"));
            if (version == "next")
            {
                await BuildBundleAsync(host, "foreign", version, squashfs, Path.Combine(files, "foreign.raucb"));
            }

            File.Delete(squashfs);
        }
        Directory.Delete(root, recursive: true);
        var disk = host.At("bundles.img");
        await Shell.RunAsync(null, "mkfs.ext4", ["-q", "-L", "bundles", "-d", files, disk, "640M"], limit: TimeSpan.FromMinutes(2))
            .Succeeded();
        Directory.Delete(files, recursive: true);
        return disk;
    }

    private static Task<ShellResult> BuildBundleAsync(
        TestHost host, string keys, string version, string slot, string bundle) => Shell.RunAsync(
        null, $"{Repository.Root}/rootfs/update/bundle", [],
        environment: new Dictionary<string, string>
        {
            ["BUNDLE_SLOT"] = slot,
            ["BUNDLE_VERSION"] = version,
            ["BUNDLE_OUT"] = bundle,
            ["BUNDLE_CERT"] = Path.Combine(host.At(keys), "sign.crt"),
            ["BUNDLE_KEY"] = Path.Combine(host.At(keys), "sign.key"),
        },
        limit: TimeSpan.FromMinutes(5)).Succeeded();

    private void Report(string what)
    {
        var line = $"{_clock.Elapsed.TotalSeconds,6:0} s  {what}";
        output.WriteLine(line);
        Console.WriteLine($"update-test: {line}");
    }
}
