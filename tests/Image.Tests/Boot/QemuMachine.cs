using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Boot;

/// <summary>
/// The ACC as a virtual machine with firmware, boot loader, disk, a management card with port forwarding, and cards that are ports of
/// the pipeline. The shipped image is unchanged: the test agent is added on the data partition, like an administrator's files.
/// </summary>
internal sealed class QemuMachine : IAsyncDisposable
{
    private const string Firmware = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

    private readonly string _folder;
    private readonly string _netns;
    private readonly string[] _cards;
    private readonly GuestShell _guest;
    private BackgroundProcess? _process;

    private QemuMachine(string folder, string netns, string[] cards)
    {
        _folder = folder;
        _netns = netns;
        _cards = cards;
        _guest = new GuestShell(TestAgentSocket, Tail);
    }

    /// <summary>
    /// Why the image can't be booted here, or null. Booting takes minutes under emulation, so it has its own targets (make image-test and
    /// make update-test).
    /// </summary>
    public static string? Missing
    {
        get
        {
            if (Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_IMAGE") is not { Length: > 0 } image)
            {
                return "boots the image under emulation: run 'make image-test' or 'make update-test'";
            }

            if (!Environment.IsPrivilegedProcess)
            {
                return "needs root";
            }

            if (!File.Exists(image))
            {
                return $"needs {image}: run 'make image'";
            }

            if (!File.Exists("/usr/bin/qemu-system-aarch64") || !File.Exists(Firmware))
            {
                return "needs qemu-system-arm and qemu-efi-aarch64";
            }

            if (!File.Exists(Published.HostStub))
            {
                return "needs the published binaries: run 'make publish'";
            }

            return File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun";
        }
    }

    /// <summary>The image file of a second disk; null for none.</summary>
    public string? SecondDisk { get; set; }

    public string Disk => Path.Combine(_folder, "disk.img");

    public string Console => File.Exists(ConsoleFile) ? File.ReadAllText(ConsoleFile) : "";

    private string ConsoleFile => Path.Combine(_folder, "console.log");

    private string TestAgentSocket => Path.Combine(_folder, "guest-agent.sock");

    private string MonitorSocket => Path.Combine(_folder, "monitor.sock");

    private string SavedMemory => Path.Combine(_folder, "saved.memory");

    private string SavedDisk => Path.Combine(_folder, "saved.img");

    /// <summary>Flashes the image to a larger disk and adds the test agent to its data partition.</summary>
    /// <param name="image">The shipped image.</param>
    /// <param name="folder">The folder for disk, sockets and console.</param>
    /// <param name="netns">The namespace of QEMU, whose loopback port 50002 is forwarded to the machine.</param>
    /// <param name="provision">The argument of `flash --provision`.</param>
    /// <param name="cards">The TAP devices in that namespace for the machine's additional network cards.</param>
    public static async Task<QemuMachine> FlashAsync(string image, string folder, string netns, string provision, string[] cards)
    {
        var machine = new QemuMachine(folder, netns, cards);
        await using (var disk = new FileStream(machine.Disk, FileMode.Create))
        {
            disk.SetLength(new FileInfo(image).Length + (128L << 20));
        }

        await Shell.RunAsync(null, $"{Repository.Root}/rootfs/flash", ["--yes", "--provision", provision, image, machine.Disk],
            limit: TimeSpan.FromMinutes(5)).Succeeded();
        await machine.AddTestAgentAsync();
        return machine;
    }

    /// <summary>The MAC address of a port card.</summary>
    public static string CardMac(int index) => $"52:54:00:ac:00:{index:x2}";

    public void Start() => Start([]);

    /// <summary>Saves memory and disk and stops the machine; <see cref="ResumeAsync"/> can resume it any number of times.</summary>
    public async Task SaveAsync()
    {
        await QemuMonitor.SaveAsync(MonitorSocket, SavedMemory);
        await CutPowerAsync();
        await CopyAsync(Disk, SavedDisk);
    }

    /// <summary>Continues from the state of <see cref="SaveAsync"/>.</summary>
    public async Task ResumeAsync()
    {
        await CopyAsync(SavedDisk, Disk);
        Start(["-incoming", $"exec:cat {SavedMemory}"]);
        await WaitReadyAsync(TimeSpan.FromMinutes(10));
    }

    /// <summary>Waits until the test agent responds, which is after systemd has mounted the file systems.</summary>
    public Task WaitReadyAsync(TimeSpan limit) =>
        _guest.WaitReadyAsync(() => _ = _process!.HasExited
            ? throw new InvalidOperationException($"QEMU exited:\n{_process.Log}\n{Tail()}")
            : true, limit);

    /// <summary>Runs a shell command in the machine.</summary>
    public Task<ShellResult> RunAsync(string command) => _guest.RunAsync(command);

    /// <summary>Runs a shell command in the machine with a time limit.</summary>
    public Task<ShellResult> RunAsync(string command, TimeSpan limit) => _guest.RunAsync(command, limit);

    /// <summary>Runs a command that must succeed and returns its output.</summary>
    public Task<string> OutputAsync(string command) => _guest.OutputAsync(command);

    /// <summary>Repeats a command until it succeeds.</summary>
    public Task RetryAsync(string command, string what, int seconds = 300) => _guest.RetryAsync(command, what, seconds);

    /// <summary>Cuts the power.</summary>
    public async Task CutPowerAsync()
    {
        _process!.Kill();
        await _process.DisposeAsync();
        _process = null;
        _guest.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await CutPowerAsync();
        }
    }

    /// <summary>The last lines of the console.</summary>
    public string Tail() => string.Join('\n', Console.Split('\n').TakeLast(60));

    private static async Task CopyAsync(string from, string to) =>
        await Shell.RunAsync(null, "cp", ["--sparse=always", "--reflink=auto", from, to], limit: TimeSpan.FromMinutes(5)).Succeeded();

    private void Start(string[] more)
    {
        File.Delete(TestAgentSocket);
        File.Delete(MonitorSocket);
        List<string> arguments =
        [
            "-machine", "virt,gic-version=3", "-cpu", "neoverse-n1", "-accel", "tcg,thread=multi,tb-size=256", "-smp", "2", "-m", "1024",
            "-nodefaults", "-display", "none",
            "-bios", Firmware, "-serial", $"file:{ConsoleFile}", "-monitor", "none", "-qmp", $"unix:{MonitorSocket},server=on,wait=off",
            "-drive", $"if=none,id=disk,format=raw,file={Disk},cache=writeback,discard=unmap", "-device",
            "virtio-blk-pci,drive=disk,bootindex=0",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=agent,path={TestAgentSocket},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=image-test",
            "-netdev", "user,id=management,hostfwd=tcp:127.0.0.1:50002-:50002", "-device",
            "virtio-net-pci,netdev=management,mac=52:54:00:00:00:01,romfile=",
        ];
        if (SecondDisk is not null)
        {
            arguments.AddRange(["-drive", $"if=none,id=second,format=raw,readonly=on,file={SecondDisk}", "-device",
                "virtio-blk-pci,drive=second"]);
        }

        for (var i = 0; i < _cards.Length; i++)
        {
            arguments.AddRange(["-netdev", $"tap,id=card{i},ifname={_cards[i]},script=no,downscript=no,vhost=off",
                "-device", $"virtio-net-pci,netdev=card{i},mac={CardMac(i)},romfile="]);
        }

        _process = new BackgroundProcess(_netns, "qemu-system-aarch64", [.. arguments, .. more]);
    }

    private async Task AddTestAgentAsync()
    {
        var (start, size) = await Partition.OfAsync(Disk, "accoffload-data");
        var partition = Path.Combine(_folder, "data.img");
        await Shell.RunAsync(null, "dd",
            [$"if={Disk}", $"of={partition}", "bs=1M", $"skip={start >> 20}", $"count={size >> 20}", "status=none"]).Succeeded();
        const string Changed = "/lib/accoffload-etc/changed";
        var here = Path.Combine(Repository.Root, "tests/Image.Tests/Boot");
        var commands = $"""
            mkdir {Changed}/image-test
            mkdir {Changed}/systemd
            mkdir {Changed}/systemd/system
            mkdir {Changed}/systemd/system/sysinit.target.wants
            write {here}/guest-agent {Changed}/image-test/guest-agent
            write {here}/guest-agent.service {Changed}/systemd/system/image-test.service
            symlink {Changed}/systemd/system/sysinit.target.wants/image-test.service /etc/systemd/system/image-test.service

            """;
        await Shell.RunAsync(null, "debugfs", ["-w", "-f", "-", partition], commands).Succeeded();
        await Shell.RunAsync(null, "e2fsck", ["-f", "-n", partition]).Succeeded();
        await Shell.RunAsync(null, "dd", [$"if={partition}", $"of={Disk}", "bs=1M", $"seek={start >> 20}", "conv=notrunc", "status=none"])
            .Succeeded();
        File.Delete(partition);
    }
}
