using ACCOffload.TestKit.Machines;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>What cluster-up changes on a machine, and cluster-down restores.</summary>
internal static class MachineState
{
    // What the kernel, systemd, the container runtime and kubelet write by themselves.
    private static readonly string[] Volatile =
    [
        "/proc", "/sys", "/dev", "/run/systemd", "/run/udev", "/run/log", "/var/log", "/run/containerd", "/var/lib/containerd",
        "/var/lib/kubelet", "/var/lib/crio", "/var/lib/containers", "/run/containers", "/run/crio", "/run/runc", "/run/crun",
        "/run/utsns", "/run/ipcns", "/run/userns", "/var/lib/cni", "/opt/kubernetes", "/run/xtables.lock",
        // Backup and lock files that systemd-sysusers and userdel always leave.
        "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock",
    ];

    private static readonly string[] Commands =
    [
        "ip -brief link | sed 's/@[^ ]*//'", "ip -brief -4 address | sed 's/@[^ ]*//'", "ip route show table all type unicast", "ip rule",
        "ls /run/netns", "ls /var/lib/cni/networks 2>&1 || true", "ip -n accoffload-dp -brief link | sed 's/@[^ ]*//'",
        "getent passwd", "getent group",
        "systemctl list-units --no-legend --plain --failed", "systemctl list-unit-files --no-legend | awk '{ print $1, $2 }'",
        "ps -e -o comm= | grep -E '^(inframanager|host-stub)' || true",
        "nft list ruleset 2>/dev/null | grep -i -E 'accoffload|podnet' || true",
    ];

    /// <summary>Files with their owner and mode, those in /etc with their content, and the output of commands.</summary>
    public static async Task<SortedDictionary<string, string>> TakeAsync(BootedMachine machine)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var skipped = string.Join(" -o ", Volatile.Select(v => $"-path '{v}'"));
        await AddAsync($@"find / /run \( {skipped} \) -prune -o -printf '%p\t%y %m %U %G %l\n' | sort -u");
        await AddAsync(
            $@"find /etc \( {skipped} \) -prune -o -type f -exec sha256sum {{}} + | sed -E 's/([^ ]*)  (.*)/content of \2\t\1/'");
        foreach (var command in Commands)
        {
            all[command] = await machine.OutputAsync("sh", "-c", command);
        }

        return all;

        async Task AddAsync(string command)
        {
            foreach (var line in (await machine.OutputAsync("sh", "-c", command)).Split('\n'))
            {
                all[line.Split('\t')[0]] = line.Split('\t')[1];
            }
        }
    }

    /// <summary>Waits until a machine is as it was.</summary>
    public static async Task IsAgainAsync(BootedMachine machine, SortedDictionary<string, string> before)
    {
        var now = before;
        await Eventually.TrueAsync(async () => (now = await TakeAsync(machine)).SequenceEqual(before),
            () => "the machine is as it was before; different (before, now):\n" + string.Join('\n', now.Keys.Union(before.Keys)
                .Where(k => now.GetValueOrDefault(k) != before.GetValueOrDefault(k))
                .Select(k => $"{k}\n  {before.GetValueOrDefault(k, "absent")}\n  {now.GetValueOrDefault(k, "absent")}")), seconds: 30);
    }
}
