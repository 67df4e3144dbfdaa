using System.Security.Cryptography;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>
/// A container with systemd as PID 1, run by systemd-nspawn: a copy of <see cref="MachineTree"/> with its own network, all capabilities
/// and without nspawn's system call filter, so that only a unit's own settings restrict it.
/// </summary>
public sealed class BootedMachine : IAsyncDisposable
{
    private static readonly Lazy<string?> MissingOnce = new(FindMissing);

    // What a container runtime and a kubelet expect of a machine, and nspawn does not provide.
    private const string PrepareContainers = """
        [Unit]
        DefaultDependencies=no
        Before=sysinit.target
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=mount --make-rshared /
        ExecStart=sh -c 'for group in /sys/fs/cgroup/*; do ! mountpoint -q $$group || mount -o remount,rw,bind $$group; done'
        ExecStart=sh -c 'test -e /dev/kmsg || mknod /dev/kmsg c 1 11'
        """;

    private readonly ControlGroups _groups;
    private readonly MachineOptions _options;
    private BackgroundProcess? _nspawn;
    private string _leader = "";

    private BootedMachine(string name, string root, MachineOptions options)
    {
        Root = root;
        Name = name;
        _options = options;
        _groups = new ControlGroups(name, options.Containers);
    }

    /// <summary>Why no machine can be booted here; null if one can.</summary>
    public static string? Missing => MissingOnce.Value;

    public string Name { get; }

    /// <summary>The PID of its init process, on this host.</summary>
    public string Leader => _leader;

    /// <summary>Its root folder on this host.</summary>
    public string Root { get; }

    /// <summary>Copies the tree, lets <paramref name="install"/> put files into it, and boots.</summary>
    public static async Task<BootedMachine> BootAsync(Func<BootedMachine, Task> install, MachineOptions? options = null)
    {
        options ??= new MachineOptions();
        var tree = await MachineTree.EnsureAsync();
        var name = $"acc-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        var machine = new BootedMachine(name, Path.Combine(Path.GetDirectoryName(tree)!, name), options);
        try
        {
            await Shell.RunAsync(null, "cp", ["--archive", "--reflink=auto", tree, machine.Root], limit: TimeSpan.FromMinutes(3))
                .Succeeded();
            // With a machine ID, systemd does not treat it as a first boot, which would enable units by preset.
            machine.Write("etc/machine-id", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) + "\n");
            foreach (var wants in Directory.GetDirectories(machine.At("etc/systemd/system"), "*.wants"))
            {
                Directory.Delete(wants, recursive: true);
            }

            if (options.HostName is { } host)
            {
                machine.Write("etc/hostname", $"{host}\n");
            }

            foreach (var folder in options.ReadOnlyFolders.Keys)
            {
                Directory.CreateDirectory(machine.At(folder));
            }

            if (options.Containers)
            {
                machine.Write("etc/systemd/system/prepare-containers.service", PrepareContainers);
                Directory.CreateDirectory(machine.At("etc/systemd/system/sysinit.target.wants"));
                File.CreateSymbolicLink(machine.At("etc/systemd/system/sysinit.target.wants/prepare-containers.service"),
                    "../prepare-containers.service");
            }

            await install(machine);
            await machine.StartAsync();
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>The path on this host of a file of the machine.</summary>
    public string At(string path) => Path.Combine(Root, path.TrimStart('/'));

    /// <summary>Writes a file before the machine is booted.</summary>
    public void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), text);
    }

    /// <summary>Writes a file of the booted machine, also on file systems that only the machine has mounted.</summary>
    public async Task WriteAsync(string path, string text) =>
        (await RunAsync(["sh", "-c", "mkdir -p \"${1%/*}\" && cat >\"$1\"", "sh", path], text)).MustSucceed();

    /// <summary>Runs a program in the machine's root folder, before it is booted.</summary>
    public Task<ShellResult> InTreeAsync(params string[] command) => Shell.RunAsync(null, "chroot", [Root, .. command]);

    /// <summary>Runs a program in the booted machine as root.</summary>
    public Task<ShellResult> RunAsync(string[] command, string? input = null) =>
        Shell.RunAsync(null, "nsenter", ["--target", _leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
            .. command], input, limit: TimeSpan.FromMinutes(3));

    /// <summary>Runs a program in the booted machine and returns its output without trailing whitespace.</summary>
    public async Task<string> OutputAsync(params string[] command) => (await RunAsync(command).Succeeded()).Output.TrimEnd();

    /// <summary>Cuts the power and boots again. Its network namespace is a new one.</summary>
    public async Task RestartAsync()
    {
        await HaltAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await HaltAsync();
        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", Root], limit: TimeSpan.FromMinutes(3));
    }

    private async Task HaltAsync()
    {
        if (_nspawn is not null)
        {
            // nspawn halts the machine, and kills the remaining processes when it exits. To halt, systemd waits minutes for containers.
            if (_options.Containers && _leader.Length > 0)
            {
                await Shell.RunAsync(null, "kill", ["-KILL", _leader]);
                await _nspawn.WaitAsync();
            }
            else
            {
                await _nspawn.StopAsync();
            }

            await _nspawn.DisposeAsync();
            (_nspawn, _leader) = (null, "");
        }

        _groups.Remove();
    }

    private async Task StartAsync()
    {
        _groups.Create();
        var enter = string.Concat(_groups.Folders.Select(folder => $"echo $$ >{folder}/cgroup.procs && "));
        string[] options =
        [
            "--quiet", $"--directory={Root}", $"--machine={Name}", "--boot", "--register=no", "--keep-unit", "--private-network",
            "--capability=all",
            "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            .. _options.ReadOnlyFolders.Select(folder => $"--bind-ro={folder.Value}:{folder.Key}"),
        ];
        var environment = new Dictionary<string, string> { ["SYSTEMD_SECCOMP"] = "0" };
        if (_options.Containers)
        {
            environment["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "1";
        }

        // exec, so that the process to stop is nspawn and not the shell.
        _nspawn = new BackgroundProcess(
            null, "sh", ["-c", $"{enter}exec systemd-nspawn \"$@\"", "sh", .. options], environment);
        await Eventually.TrueAsync(IsUpAsync, () => $"the machine is up; its console:\n{_nspawn.Log}", seconds: 120);
    }

    private async Task<bool> IsUpAsync()
    {
        if (_nspawn!.HasExited)
        {
            throw new InvalidOperationException($"the machine did not boot:\n{_nspawn.Log}");
        }

        _leader = (await Shell.RunAsync(null, "pgrep", ["--parent", $"{_nspawn.Id}"])).Output.Trim();
        return int.TryParse(_leader, out _)
            && (await RunAsync(["systemctl", "is-system-running"])).Output.Trim() is "running" or "degraded";
    }

    private static string? FindMissing()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root";
        }

        if (!File.Exists("/usr/bin/systemd-nspawn"))
        {
            return "needs systemd-container";
        }

        if (!File.Exists("/usr/bin/mmdebstrap"))
        {
            return "needs mmdebstrap";
        }

        return File.Exists(Published.InfraManager) && File.Exists(Published.HostStub)
            ? ControlGroups.Missing()
            : "needs the published binaries: run 'make publish'";
    }
}
