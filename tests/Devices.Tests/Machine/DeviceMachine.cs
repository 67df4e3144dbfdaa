using System.Text.Json.Nodes;
using ACCOffload.TestKit.Machines;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Devices.Tests.Machine;

/// <summary>
/// An emulated host with Debian's kernel and an SR-IOV network card (igb), whose wire leads to another card of the same machine: the
/// pipeline's port. Both sides of the product are installed the way their packages do it. Every run boots the machine, because the virtual
/// functions of the emulated card do not survive a save and restore.
/// </summary>
public sealed class DeviceMachine : IAsyncLifetime
{
    /// <summary>The number of virtual functions of the card.</summary>
    public const int Functions = 7;

    private string _folder = "";
    private GuestShell _guest = null!;
    private BackgroundProcess? _process;

    internal static string PhysicalAddress => "0000:01:00.0";

    private string ConsoleFile => Path.Combine(_folder, "console.log");

    /// <summary>
    /// Why the VM can't be used here, or null. It is built from Debian packages and runs under emulation, so it has its own target (make
    /// devices-test).
    /// </summary>
    public static string? Missing => Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_DEVICES_LACK") is { Length: > 0 } lack
        ? lack
        : Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_DEVICES") is not { Length: > 0 } folder
            ? "runs in a virtual machine with SR-IOV: run 'make devices-test'"
            : File.Exists(Path.Combine(folder, "disk.img")) ? null : $"needs {folder}/disk.img: run 'make devices-test'";

    public async ValueTask InitializeAsync()
    {
        if (Missing is not null)
        {
            return;
        }

        var built = Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_DEVICES")!;
        _folder = Directory.CreateTempSubdirectory("accoffload-devices-").FullName;
        var socket = Path.Combine(_folder, "guest-agent.sock");
        _guest = new GuestShell(socket, Tail);
        var limit = TimeSpan.FromMinutes(5);
        await Shell.RunAsync(null, Path.Combine(Repository.Root, "tests/Devices.Tests/vm/product"),
            [Path.Combine(_folder, "product.img")], limit: limit).Succeeded();
        await Shell.RunAsync(null, "cp", ["--sparse=always", "--reflink=auto", Path.Combine(built, "disk.img"),
            Path.Combine(_folder, "disk.img")], limit: limit).Succeeded();
        string[] arguments =
        [
            "-no-user-config", "-nodefaults", "-display", "none", "-monitor", "none", "-serial", $"file:{ConsoleFile}",
            "-machine", "q35", "-cpu", "Nehalem", "-accel", "tcg,thread=multi,tb-size=512", "-smp", "2", "-m", "1024",
            "-kernel", Path.Combine(built, "vmlinuz"), "-initrd", Path.Combine(built, "initrd"), "-append",
            "console=ttyS0 quiet edd=off nokaslr mitigations=off",
            // Fixed PCI addresses, which give the interface names enp1s0 and enp0s5.
            "-device", "pcie-root-port,id=rootport,addr=4,chassis=1,slot=1",
            "-netdev", "hubport,id=physical,hubid=0", "-device", "igb,bus=rootport,netdev=physical,mac=52:54:00:00:01:00,romfile=",
            "-netdev", "hubport,id=wire,hubid=0", "-device", "virtio-net-pci,addr=5,netdev=wire,mac=52:54:00:00:02:00,romfile=",
            "-drive", $"if=none,id=disk,format=raw,file={_folder}/disk.img,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
            "-drive", $"if=none,id=product,format=raw,readonly=on,file={_folder}/product.img", "-device", "virtio-blk-pci,drive=product",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=agent,path={socket},server=on,wait=off", "-device", "virtserialport,chardev=agent,name=image-test",
        ];
        var fetched = Path.Combine(built, "qemu/run");
        _process = File.Exists(fetched)
            ? new BackgroundProcess(null, fetched, arguments)
            : new BackgroundProcess(null, "qemu-system-x86_64", arguments);
        await ReachAsync();
        await OutputAsync("mount -o ro /dev/vdb /mnt/product && /mnt/product/usr/lib/devices-test/install");
        await ReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
            _guest.Dispose();
        }
        if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    internal Task<ShellResult> AskAsync(string command) => _guest.RunAsync(command);

    /// <summary>Runs a command that must succeed and returns its output; an error includes the services' logs.</summary>
    internal async Task<string> OutputAsync(string command)
    {
        var result = await AskAsync(command);
        return result.ExitCode == 0
            ? result.Output.TrimEnd()
            : throw new InvalidOperationException($"{command}: exit code {result.ExitCode}\n{result.Output}\n{await LogAsync()}");
    }

    /// <summary>Runs a command and returns the JSON that it prints, whatever its exit code.</summary>
    internal async Task<JsonNode> JsonAsync(string command)
    {
        var result = await AskAsync(command);
        try
        {
            return JsonNode.Parse(result.Output) ?? JsonValue.Create("null");
        }
        catch (System.Text.Json.JsonException)
        {
            throw new InvalidOperationException($"{command}: exit code {result.ExitCode}\n{result.Output}\n{await LogAsync()}");
        }
    }

    internal Task<JsonNode> ProbeAsync(string request) => JsonAsync($"/usr/lib/devices-test/probe {request}");

    internal async Task UntilAsync(string command, string what, int seconds = 180)
    {
        try
        {
            await _guest.RetryAsync(command, what, seconds);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{await LogAsync()}", e);
        }
    }

    /// <summary>Waits until the plugin accepts ADDs and no virtual function is set aside.</summary>
    internal Task ReadyAsync() =>
        UntilAsync("/usr/lib/devices-test/cni STATUS && host-stub devices --json >/dev/null", "the agent is ready");

    /// <summary>Changes the agent's configuration with a jq expression and restarts it.</summary>
    internal async Task ReconfigureAsync(string change)
    {
        // jq does not accept the comments of the shipped file.
        await OutputAsync($"cd /etc/accoffload && sed 's,^ *//.*,,' host-stub.json | jq '{change}' >/run/host-stub.json && cat "
            + $"/run/host-stub.json >host-stub.json && systemctl restart host-stub-agent");
        await ReadyAsync();
    }

    /// <summary>Reboots the machine cleanly.</summary>
    internal async Task RebootAsync()
    {
        var before = await OutputAsync("cat /proc/sys/kernel/random/boot_id");
        await AskAsync("systemctl --no-block reboot");
        await Eventually.TrueAsync(
            async () =>
            {
                await ReachAsync();
                return await OutputAsync("cat /proc/sys/kernel/random/boot_id") != before;
            },
            () => $"the machine reboots:\n{Tail()}", 300);
    }

    /// <summary>The services' journal.</summary>
    internal async Task<string> LogAsync() =>
        (await AskAsync(
            "journalctl -q -b --no-pager -o short-monotonic -u host-stub-agent -u inframanager -u devices-wire -n 60; dmesg | tail -n 15")).Output;

    private Task ReachAsync() =>
        _guest.WaitReadyAsync(() => _ = _process!.HasExited
            ? throw new InvalidOperationException($"QEMU exited:\n{_process.Log}\n{Tail()}")
            : true, TimeSpan.FromMinutes(8));

    private string Tail() => File.Exists(ConsoleFile) ? string.Join('\n', File.ReadAllText(ConsoleFile).Split('\n').TakeLast(40)) : "";
}
