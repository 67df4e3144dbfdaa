using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ACCOffload.Integration.Lab;
using Xunit.Abstractions;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>`make update-test`: signed updates through the real boot loader: one that is good, one that fails its health gate, and some that are cut off.</summary>
public sealed class UpdateTests(ITestOutputHelper output)
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    [QemuFact]
    public async Task A_good_update_stays_a_bad_one_goes_and_one_that_is_cut_off_never_was()
    {
        await using var host = await TestHost.MakeAsync(cards: 0);
        var provision = await DeviceCertificate.ProvisionAsync(host);
        await Shell.RunAsync(null, $"{Published.Root}/rootfs/update/make-keys", [host.At("keys")]).Succeeded();
        File.Copy(host.At("keys/keyring.pem"), Path.Combine(provision, "keyring.pem"));
        var image = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE")!;
        await using var machine = await QemuMachine.FlashAsync(image, host.Folder, host.Namespace, provision, host.Cards);
        machine.SecondDisk = await BundlesAsync(host, Path.ChangeExtension(image, ".squashfs"));
        try
        {
            machine.Start();
            await machine.ReachAsync(BootLimit);
            await DeviceCertificate.IssueAsync(host, machine);
            await machine.UntilAsync("systemctl is-active inframanager accoffload-health", "inframanager runs, the slot is good");
            host.StartAgent();
            await Eventually.TrueAsync(host.IsReadyAsync, () => $"the host is served:\n{host.AgentLog}", 300);
            var pod = await host.MakePodAsync("a");
            await host.AddAsync(pod);
            Say("a device with a pod, in slot A");

            await GoodAsync(machine, pod);
            await BadAsync(machine, pod);
            await CutOffAsync(machine, pod);
        }
        catch
        {
            output.WriteLine($"--- console\n{machine.Tail()}\n--- agent\n{host.AgentLog}");
            throw;
        }
    }

    private async Task GoodAsync(QemuMachine machine, string pod)
    {
        var started = _clock.Elapsed;
        await InstallAsync(machine, "next");
        Say($"installed within {(_clock.Elapsed - started).TotalSeconds:0.0} s");
        await RebootAsync(machine);
        await HealthyAsync(machine, "B", "next", pod);
        Say("updated from A to B, found good");

        var forged = await machine.AskAsync("cp /run/bundles/next.raucb /var/tmp/forged.raucb && printf x | dd of=/var/tmp/forged.raucb bs=1 seek=1000000 conv=notrunc status=none; rauc install /var/tmp/forged.raucb; code=$?; rm /var/tmp/forged.raucb; exit $code");
        Assert.NotEqual(0, forged.ExitCode);
        Assert.NotEqual(0, (await machine.AskAsync("rauc install /run/bundles/stranger.raucb")).ExitCode);
        await HealthyAsync(machine, "B", "next", pod);
    }

    private async Task BadAsync(QemuMachine machine, string pod)
    {
        await InstallAsync(machine, "bad");
        var before = machine.Console.Length;
        await machine.AskAsync("systemctl --no-block reboot");
        // Three starts of A, each ended by the health gate, then B without anybody's doing.
        await Eventually.TrueAsync(() => Task.FromResult(machine.Console[before..].Contains("slot B, start", StringComparison.Ordinal)), () => $"the old slot is started again:\n{machine.Tail()}", 1800);
        var console = machine.Console[before..];
        foreach (var start in new[] { 1, 2, 3 })
            Assert.Contains($"slot A, start {start}", console);
        await machine.ReachAsync(BootLimit);
        await HealthyAsync(machine, "B", "next", pod);
        Say("an update that is never ready: three starts, then back to B");
    }

    /// <summary>Each round goes on from the same moment: a device in slot B, about to install.</summary>
    private async Task CutOffAsync(QemuMachine machine, string pod)
    {
        await MountAsync(machine);
        await machine.OutputAsync("sync");
        await machine.SaveAsync();
        Say("written down");

        // How long an installation takes from there: the power goes within that.
        await machine.ResumeAsync();
        var started = _clock.Elapsed;
        await machine.OutputAsync("rauc install /run/bundles/other.raucb");
        var installation = _clock.Elapsed - started;
        await machine.CutPowerAsync();
        Say($"an installation takes {installation.TotalSeconds:0.0} s");

        var unfinished = 0;
        for (var round = 1; round <= 10; round++)
        {
            await machine.ResumeAsync();
            await machine.OutputAsync("systemd-run --quiet --unit=install rauc install /run/bundles/other.raucb");
            var milliseconds = RandomNumberGenerator.GetInt32(100, (int)installation.TotalMilliseconds);
            await Task.Delay(milliseconds);
            await machine.CutPowerAsync();
            machine.Start();
            await machine.ReachAsync(BootLimit);
            var slot = await SlotAsync(machine);
            // Done before the power went, or as if it had never begun.
            await HealthyAsync(machine, slot, slot == "B" ? "next" : "other", pod);
            unfinished += slot == "B" ? 1 : 0;
            Say($"cut off after {milliseconds} ms: slot {slot}");
            await machine.CutPowerAsync();
        }
        Assert.True(unfinished > 0, "no installation was cut off before its end");
        Say($"ten cut off, {unfinished} of them before the end of the installation");
    }

    private static async Task InstallAsync(QemuMachine machine, string name)
    {
        await MountAsync(machine);
        await machine.OutputAsync($"rauc install /run/bundles/{name}.raucb");
    }

    private static Task<string> MountAsync(QemuMachine machine) =>
        machine.OutputAsync("mkdir -p /run/bundles && { mountpoint -q /run/bundles || mount -o ro /dev/disk/by-label/bundles /run/bundles; }");

    private static async Task RebootAsync(QemuMachine machine)
    {
        var boot = await machine.OutputAsync("cat /proc/sys/kernel/random/boot_id");
        await machine.AskAsync("systemctl --no-block reboot");
        await Eventually.TrueAsync(
            async () =>
            {
                await machine.ReachAsync(BootLimit);
                try
                {
                    return (await machine.AskAsync("cat /proc/sys/kernel/random/boot_id", TimeSpan.FromSeconds(10))).Output.Trim() is { Length: > 0 } now && now != boot;
                }
                catch (Exception e) when (e is TimeoutException or IOException)
                {
                    // It answered, and went down before the next question.
                    return false;
                }
            },
            () => $"the machine starts again:\n{machine.Tail()}", 600);
    }

    private static Task<string> SlotAsync(QemuMachine machine) => machine.OutputAsync("sed 's/.*rauc.slot=\\(.\\).*/\\1/' /proc/cmdline");

    /// <summary>The slot runs the version, was found good, and holds the pod that was added before all of this.</summary>
    private static async Task HealthyAsync(QemuMachine machine, string slot, string version, string pod)
    {
        await machine.UntilAsync("systemctl is-active accoffload-health", "the slot is found good", 600);
        Assert.Equal(slot, await SlotAsync(machine));
        Assert.Equal(version, await machine.OutputAsync("cat /usr/lib/accoffload/image/version"));
        Assert.Equal($"{slot}_OK=1 {slot}_TRY=0", await machine.OutputAsync($"grub-editenv /boot/efi/EFI/accoffload/grubenv list | grep ^{slot}_ | sort | paste -sd' '"));
        await machine.OutputAsync("inframanager ctl status --wait 120");
        var endpoints = JsonNode.Parse(await machine.OutputAsync("inframanager ctl --json endpoints"))!["endpoints"]!.AsArray();
        Assert.Equal(pod, (string?)Assert.Single(endpoints)!["containerId"]);
    }

    /// <summary>A disk with the shipped root file system as other versions of it, one of which never gets ready, and one that a stranger signed.</summary>
    private static async Task<string> BundlesAsync(TestHost host, string slot)
    {
        var files = Directory.CreateDirectory(host.At("bundles")).FullName;
        var root = host.At("root");
        await Shell.RunAsync(null, "unsquashfs", ["-q", "-n", "-d", root, slot], limit: TimeSpan.FromMinutes(5)).Succeeded();
        await Shell.RunAsync(null, $"{Published.Root}/rootfs/update/make-keys", [host.At("stranger")]).Succeeded();
        foreach (var version in new[] { "next", "other", "stranger", "bad" })
        {
            await File.WriteAllTextAsync(Path.Combine(root, "usr/lib/accoffload/image/version"), version + "\n");
            // The gate has less patience than it would have on hardware that boots in seconds, and what is bad can't start.
            Directory.CreateDirectory(Path.Combine(root, "usr/lib/systemd/system/accoffload-health.service.d"));
            await File.WriteAllTextAsync(Path.Combine(root, "usr/lib/systemd/system/accoffload-health.service.d/test.conf"), $"[Service]\nEnvironment=HEALTH_SECONDS={(version == "bad" ? 20 : 300)}\n");
            if (version == "bad")
                await File.WriteAllTextAsync(Path.Combine(root, "usr/lib/systemd/system/inframanager.service"), "[Service]\nExecStart=/bin/false\n");
            var squashfs = host.At($"{version}.squashfs");
            await Shell.RunAsync(null, "mksquashfs", [root, squashfs, "-comp", "gzip", "-noappend", "-no-xattrs", "-no-progress", "-quiet"], limit: TimeSpan.FromMinutes(5)).Succeeded();
            var keys = host.At(version == "stranger" ? "stranger" : "keys");
            await Shell.RunAsync(
                null, $"{Published.Root}/rootfs/update/bundle", [],
                environment: new Dictionary<string, string>
                {
                    ["BUNDLE_SLOT"] = squashfs,
                    ["BUNDLE_VERSION"] = version,
                    ["BUNDLE_OUT"] = Path.Combine(files, $"{version}.raucb"),
                    ["BUNDLE_CERT"] = Path.Combine(keys, "sign.crt"),
                    ["BUNDLE_KEY"] = Path.Combine(keys, "sign.key"),
                },
                limit: TimeSpan.FromMinutes(5)).Succeeded();
            File.Delete(squashfs);
        }
        Directory.Delete(root, recursive: true);
        var disk = host.At("bundles.img");
        await Shell.RunAsync(null, "mkfs.ext4", ["-q", "-L", "bundles", "-d", files, disk, "400M"], limit: TimeSpan.FromMinutes(2)).Succeeded();
        Directory.Delete(files, recursive: true);
        return disk;
    }

    private void Say(string what)
    {
        var line = $"{_clock.Elapsed.TotalSeconds,6:0} s  {what}";
        output.WriteLine(line);
        Console.WriteLine($"update-test: {line}");
    }
}
