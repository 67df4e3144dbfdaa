using System.Security.Cryptography;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Machines;

/// <summary>
/// A machine with systemd as its first process, in systemd-nspawn: a copy of <see cref="MachineTree"/>, with a network of its own, every
/// capability, and no system call filter of nspawn's, so that what a unit may not do is the unit's own doing.
/// </summary>
public sealed class BootedMachine : IAsyncDisposable
{
    private static readonly Lazy<string?> MissingOnce = new(FindMissing);

    private readonly ControlGroups _groups;
    private BackgroundProcess? _nspawn;
    private string _leader = "";

    private BootedMachine(string name, string root)
    {
        Root = root;
        Name = name;
        _groups = new ControlGroups(name);
    }

    /// <summary>Why no machine can be booted here, or null.</summary>
    public static string? Missing => MissingOnce.Value;

    public string Name { get; }

    /// <summary>The id of its first process, seen from here.</summary>
    public string Leader => _leader;

    /// <summary>Where its files are, seen from here.</summary>
    public string Root { get; }

    /// <summary>Copies the tree, lets <paramref name="install"/> put files into it, and boots.</summary>
    public static async Task<BootedMachine> BootAsync(Func<BootedMachine, Task> install)
    {
        var tree = await MachineTree.EnsureAsync();
        var name = $"acc-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        var machine = new BootedMachine(name, Path.Combine(Path.GetDirectoryName(tree)!, name));
        try
        {
            await Shell.RunAsync(null, "cp", ["--archive", "--reflink=auto", tree, machine.Root], limit: TimeSpan.FromMinutes(3))
                .Succeeded();
            // With an identity it is no first boot, on which systemd would enable what it finds.
            machine.Write("etc/machine-id", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) + "\n");
            foreach (var wants in Directory.GetDirectories(machine.At("etc/systemd/system"), "*.wants"))
            {
                Directory.Delete(wants, recursive: true);
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

    /// <summary>The path, seen from here, of a file of the machine.</summary>
    public string At(string path) => Path.Combine(Root, path.TrimStart('/'));

    /// <summary>Writes a file before the machine is booted.</summary>
    public void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(path))!);
        File.WriteAllText(At(path), text);
    }

    /// <summary>Writes a file of the booted machine, which may be on a file system of its own.</summary>
    public async Task WriteAsync(string path, string text) =>
        (await RunAsync(["sh", "-c", "mkdir -p \"${1%/*}\" && cat >\"$1\"", "sh", path], text)).MustSucceed();

    /// <summary>Runs a program in the machine's root folder, before it is booted.</summary>
    public Task<ShellResult> InTreeAsync(params string[] command) => Shell.RunAsync(null, "chroot", [Root, .. command]);

    /// <summary>Runs a program in the booted machine, as its root.</summary>
    public Task<ShellResult> RunAsync(string[] command, string? input = null) =>
        Shell.RunAsync(null, "nsenter", ["--target", _leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
            .. command], input, limit: TimeSpan.FromMinutes(3));

    /// <summary>Runs a program in the booted machine; its output without the last line's end.</summary>
    public async Task<string> OutputAsync(params string[] command) => (await RunAsync(command).Succeeded()).Output.TrimEnd();

    public async ValueTask DisposeAsync()
    {
        if (_nspawn is not null)
        {
            // nspawn tells the machine to halt, and kills what has not ended when it ends itself.
            await _nspawn.StopAsync();
            await _nspawn.DisposeAsync();
        }
        _groups.Remove();
        await Shell.RunAsync(null, "rm", ["-rf", "--one-file-system", Root], limit: TimeSpan.FromMinutes(3));
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
        ];
        // The shell becomes nspawn, so that its process is the one to stop.
        _nspawn = new BackgroundProcess(
            null, "sh", ["-c", $"{enter}exec systemd-nspawn \"$@\"", "sh", .. options],
            new Dictionary<string, string> { ["SYSTEMD_SECCOMP"] = "0" });
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
