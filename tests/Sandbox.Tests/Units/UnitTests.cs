using System.Globalization;
using ACCOffload.TestKit.Machines;

namespace ACCOffload.Sandbox.Tests.Units;

/// <summary>The demo's steps with the shipped units under a real systemd, for each kind of target.</summary>
public abstract class UnitTests(UnitTests.SharedNode shared) : IAsyncLifetime
{
    private const string ProbeEnd = "probed";

    private readonly TargetKind _kind = shared.Kind;
    private InstalledNode _node = null!;

    // Restores the node, so that leftovers of a failed test do not affect the next one.
    public async ValueTask InitializeAsync()
    {
        Needs.NotMissing(BootedMachine.Missing);
        _node = await shared.FreshAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_units_use_the_watchdog_and_are_confined()
    {
        foreach (var unit in new[] { InstalledNode.Manager, InstalledNode.Agent })
        {
            Assert.Equal(
                "active running notify", $"{await _node.ShowAsync(unit, "ActiveState")} {await _node.ShowAsync(unit, "SubState")} "
                    + $"{await _node.ShowAsync(unit, "Type")}");
            Assert.Equal("20s", await _node.ShowAsync(unit, "WatchdogUSec"));
            await Eventually.TrueAsync(
                async () => await NumberAsync(unit, "WatchdogTimestampMonotonic") > await NumberAsync(unit,
                    "ActiveEnterTimestampMonotonic") + 1_000_000, $"{unit} feeds the watchdog", 60);
            Assert.Equal(0, await NumberAsync(unit, "NRestarts"));
        }

        var embedded = _kind == TargetKind.Embedded;
        await AssertConfinedAsync(InstalledNode.Manager, embedded ? "net_admin net_raw sys_admin" : "");
        await AssertConfinedAsync(InstalledNode.Agent, "dac_override net_admin sys_ptrace sys_admin");
        await AssertNothingDeniedAsync();

        var verified =
            await _node.Machine.RunAsync(["systemd-analyze", "verify", InstalledNode.Manager, InstalledNode.Agent, InstalledNode.Ports]);
        Assert.Equal((0, "", ""), (verified.ExitCode, verified.Output, verified.Error));
    }

    [Fact]
    public async Task Two_pods_reach_each_other_and_can_be_removed()
    {
        await AddAndRemovePodsAsync();
        await AssertNothingDeniedAsync();
    }

    [Fact]
    public async Task Pods_with_TAPs_reach_each_other_and_can_be_removed()
    {
        var (a, b) = (await _node.AddPodAsync("tap-a", "tap"), await _node.AddPodAsync("tap-b", "tap"));
        Assert.Contains("tun type tap", await _node.Machine.OutputAsync("ip", "-n", "tap-a", "-details", "link", "show", "eth0"));
        await _node.PingAsync("tap-a", b);
        await _node.PingAsync(null, a);
        await _node.CheckPodAsync("tap-a");
        await _node.RemovePodAsync("tap-a");
        await _node.RemovePodAsync("tap-b");
        Assert.Equal(1, (int)(await _node.StatusAsync())!["endpoints"]!);
        await AssertNothingDeniedAsync();
    }

    [Fact]
    public async Task A_killed_service_is_restarted_and_pods_keep_working()
    {
        var (a, b) = (await _node.AddPodAsync("pod-a"), await _node.AddPodAsync("pod-b"));
        foreach (var unit in new[] { InstalledNode.Manager, InstalledNode.Agent })
        {
            var before = await _node.ShowAsync(unit, "MainPID");
            await _node.Machine.OutputAsync("systemctl", "kill", "--signal=SIGKILL", unit);
            // A separate target keeps running and forwarding.
            if (_kind == TargetKind.External)
            {
                await _node.PingAsync("pod-a", b);
            }

            await Eventually.TrueAsync(
                async () => await NumberAsync(unit, "NRestarts") == 1
                    && await _node.ShowAsync(unit, "ActiveState") == "active", $"{unit} was started again", 60);
            Assert.NotEqual(before, await _node.ShowAsync(unit, "MainPID"));
            await _node.ReadyAsync();
            await _node.PingAsync("pod-a", b);
            await _node.PingAsync("pod-b", a);
            await _node.CheckPodAsync("pod-a");
        }

        await _node.RemovePodAsync("pod-a");
        await _node.RemovePodAsync("pod-b");
        Assert.Equal(1, (int)(await _node.StatusAsync())!["endpoints"]!);
    }

    [Fact]
    public async Task The_confined_service_configures_its_interface_to_the_uplink()
    {
        const string Uplink = "ACCOFFLOAD_Node__Uplink__";
        string[] environment =
        [
            $"{Uplink}Port=eth1", $"{Uplink}Mac=02:00:00:00:00:99", $"{Uplink}Addresses=192.0.2.10/24",
            $"\"{Uplink}Routes=0.0.0.0/0 via 192.0.2.1\"",
        ];
        var capabilities = _kind == TargetKind.External
            ? (await _node.Machine.OutputAsync("cat", "/usr/share/accoffload/uplink.conf")) + "\n"
            : "[Service]\n";
        await _node.Machine.WriteAsync(
            InstalledNode.TestDropIn(InstalledNode.Manager), $"{capabilities}Environment={string.Join(' ', environment)}\n");
        if (_kind == TargetKind.External)
        {
            await _node.Machine.OutputAsync("ip", "link", "add", "accx1", "type", "veth", "peer", "name", "accx0", "netns", "accoffload-dp");
            await _node.Machine.OutputAsync("ip", "-n", "accoffload-dp", "link", "set", "accx0", "up");
        }

        try
        {
            var kind = _kind == TargetKind.External ? "external" : "embedded";
            await _node.Machine.OutputAsync(
                ["env", .. environment.Select(e => e.Trim('"')), $"ACCOFFLOAD_Target__Kind={kind}",
                    "/usr/lib/accoffload/inframanager/inframanager", "prepare", "--config", "/etc/accoffload/inframanager.json"]);
            await _node.Machine.OutputAsync("systemctl", "daemon-reload");
            await _node.Machine.OutputAsync("systemctl", "restart", InstalledNode.Manager);
            await _node.ReadyAsync();
            // What the service found out, and nothing that it was not allowed to do.
            await ProblemIsAsync("no answer from gateway 192.0.2.1");
            await _node.Machine.OutputAsync("ip", "-n", "accoffload-uplink", "addr", "flush", "dev", "accx1");
            await _node.Machine.OutputAsync("ip", "-n", "accoffload-uplink", "link", "set", "accx1", "address", "02:00:00:00:00:01");
            await Eventually.TrueAsync(
                async () =>
                {
                    var link = await _node.Machine.OutputAsync("ip", "-n", "accoffload-uplink", "addr", "show", "accx1");
                    return link.Contains("02:00:00:00:00:99", StringComparison.Ordinal) && link.Contains("192.0.2.10/24", StringComparison.Ordinal);
                },
                "the interface is configured again");
            if (_kind == TargetKind.Embedded)
            {
                // It may also make the pair again, but no namespace.
                await _node.Machine.OutputAsync("ip", "-n", "accoffload-dp", "link", "del", "accx0");
                await Eventually.TrueAsync(
                    async () => (await _node.Machine.RunAsync(["ip", "-n", "accoffload-dp", "link", "show", "accx0"])).ExitCode == 0,
                    "the pair is made again");
                await ProblemIsAsync("no answer from gateway 192.0.2.1");
            }

            await AssertNothingDeniedAsync();
        }
        finally
        {
            await _node.Machine.RunAsync(["ip", "-n", "accoffload-dp", "link", "del", "accx0"]);
            await _node.Machine.RunAsync(["ip", "netns", "del", "accoffload-uplink"]);
        }

        Task ProblemIsAsync(string problem)
        {
            var found = "";
            return Eventually.TrueAsync(
                async () =>
                {
                    var conditions = (await _node.StatusAsync())?["conditions"]?.AsArray();
                    found = (string?)conditions?.FirstOrDefault(c => (string?)c!["name"] == "Uplink")?["reason"] ?? "";
                    return found == problem;
                },
                () => found);
        }
    }

    [Fact]
    public async Task A_failing_service_is_restarted_with_increasing_delays()
    {
        await _node.Machine.RunAsync(["systemctl", "stop", InstalledNode.Manager]);
        await _node.Machine.WriteAsync(InstalledNode.TestDropIn(InstalledNode.Manager),
            "[Service]\nType=exec\nWatchdogSec=0\nExecStart=\nExecStart=/bin/false\n");
        await _node.Machine.OutputAsync("systemctl", "daemon-reload");
        await _node.Machine.RunAsync(["systemctl", "start", InstalledNode.Manager]);
        foreach (var seconds in new[] { 2, 4, 8 })
        {
            await Eventually.TrueAsync(async () =>
                (await _node.Machine.RunAsync(["pgrep", "--full", "--exact", $"sleep {seconds}"])).ExitCode == 0, $"it waits {seconds} s",
                seconds: 60);
        }

        Assert.Equal(
            "activating start-pre", $"{await _node.ShowAsync(InstalledNode.Manager, "ActiveState")} "
                + $"{await _node.ShowAsync(InstalledNode.Manager, "SubState")}");
        // A manual restart after the repair does not wait.
        await _node.Machine.OutputAsync("rm", InstalledNode.TestDropIn(InstalledNode.Manager));
        await _node.Machine.OutputAsync("systemctl", "daemon-reload");
        await _node.Machine.OutputAsync("systemctl", "restart", InstalledNode.Manager);
        await _node.ReadyAsync();
        Assert.Equal(0, await NumberAsync(InstalledNode.Manager, "NRestarts"));
    }

    [Fact]
    public async Task The_services_stop_cleanly_and_keep_their_state()
    {
        var a = await _node.AddPodAsync("pod-a");
        await _node.Machine.OutputAsync("systemctl", "stop", InstalledNode.Manager, InstalledNode.Agent);
        foreach (var unit in new[] { InstalledNode.Manager, InstalledNode.Agent })
        {
            Assert.Equal(
                "inactive success 0", $"{await _node.ShowAsync(unit, "ActiveState")} {await _node.ShowAsync(unit, "Result")} "
                    + $"{await _node.ShowAsync(unit, "ExecMainStatus")}");
        }

        Assert.Equal("", await _node.Machine.OutputAsync("find", "/run", "-name", "*.sock", "(", "-path", "/run/accoffload/*", "-o",
            "-path", "/run/host-stub/*", ")"));

        await _node.Machine.OutputAsync("systemctl", "start", InstalledNode.Agent, InstalledNode.Manager);
        await _node.ReadyAsync();
        await _node.PingAsync(null, a);
        await _node.CheckPodAsync("pod-a");
        await _node.RemovePodAsync("pod-a");
        await AssertNothingDeniedAsync();
    }

    [Fact]
    public async Task InfraManager_uses_no_filtered_system_call()
    {
        // By default a filtered system call returns an error that could go unnoticed; here it kills the process.
        await _node.Machine.WriteAsync(InstalledNode.TestDropIn(InstalledNode.Manager), "[Service]\nSystemCallErrorNumber=kill\n");
        await _node.Machine.OutputAsync("systemctl", "daemon-reload");
        await _node.Machine.OutputAsync("systemctl", "restart", InstalledNode.Manager);
        await _node.ReadyAsync();
        await AddAndRemovePodsAsync();
        Assert.Equal(
            "0 success", $"{await _node.ShowAsync(InstalledNode.Manager, "NRestarts")} "
                + $"{await _node.ShowAsync(InstalledNode.Manager, "Result")}");
    }

    [Fact]
    public async Task Units_cannot_do_what_they_are_denied()
    {
        // The same unit runs a shell script that tries each operation.
        const string Probe = """
            #!/bin/sh
            try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "can $name"; else echo "cannot $name"; fi; }
            try read-own-configuration test -r /etc/accoffload/inframanager.json
            try write-usr touch /usr/lib/accoffload/x
            try write-etc touch /etc/x
            try write-own-state touch "$STATE_DIRECTORY/x"
            try read-home ls /root/pki
            try see-devices test -e /dev/kmsg
            try open-tun sh -c 'exec 3<>/dev/net/tun'
            try make-devices mknod "$STATE_DIRECTORY/kmsg" c 1 11
            try make-mounts unshare --mount true
            try make-users unshare --user true
            try mount mount -t tmpfs none /mnt
            try set-time date --set 2020-01-01
            try write-sysctl sh -c 'echo 1 >/proc/sys/kernel/sysrq'
            try raw-socket ping -c 1 -W 1 127.0.0.1
            echo probed
            """;
        var manager = await ProbeAsync(InstalledNode.Manager, Probe);
        string[] denied = ["write-usr", "write-etc", "read-home", "see-devices", "make-devices", "make-mounts", "make-users", "mount",
            "set-time", "write-sysctl"];
        Assert.Superset(denied.Select(what => $"cannot {what}").ToHashSet(), manager);
        Assert.Superset(new HashSet<string> { "can read-own-configuration", "can write-own-state" }, manager);
        // InfraManager opens TAPs only for the embedded soft target; an external target opens its own.
        Assert.Contains(_kind == TargetKind.Embedded ? "can open-tun" : "cannot open-tun", manager);
        if (_kind == TargetKind.External)
        {
            Assert.Contains("cannot raw-socket", manager);
        }

        var agent = await ProbeAsync(InstalledNode.Agent, Probe);
        Assert.Superset(new[] { "write-usr", "read-home", "see-devices", "make-devices", "make-mounts", "make-users", "mount", "set-time",
            "raw-socket" }.Select(what => $"cannot {what}").ToHashSet(), agent);
        Assert.Superset(new HashSet<string> { "can write-own-state", "cannot open-tun" }, agent);
    }

    private async Task AddAndRemovePodsAsync()
    {
        var (a, b) = (await _node.AddPodAsync("pod-a"), await _node.AddPodAsync("pod-b"));
        await _node.PingAsync("pod-a", b);
        await _node.PingAsync("pod-b", "200.1.1.2");
        await _node.PingAsync(null, a);
        await _node.CheckPodAsync("pod-a");
        await _node.RemovePodAsync("pod-a");
        await _node.RemovePodAsync("pod-b");
        Assert.Equal(1, (int)(await _node.StatusAsync())!["endpoints"]!);
        Assert.Single((await _node.Machine.OutputAsync("ip", "-n", "accoffload-dp", "-o", "link", "show", "type", "veth")).Split('\n'));
    }

    private async Task AssertConfinedAsync(string unit, string capabilities)
    {
        var pid = await _node.ShowAsync(unit, "MainPID");
        var status = new ProcessStatus(await _node.Machine.OutputAsync("cat", $"/proc/{pid}/status"));
        Assert.NotEqual(0, status.UserId);
        Assert.True(status.NoNewPrivileges);
        Assert.True(status.Filtered);
        Assert.Equal((capabilities, capabilities, capabilities), (status.Effective, status.Permitted, status.Bounding));
        Assert.NotEqual(await NamespaceAsync("1", "mnt"), await NamespaceAsync(pid, "mnt"));
        if (unit == InstalledNode.Manager && _kind == TargetKind.External)
        {
            Assert.NotEqual(await NamespaceAsync("1", "user"), await NamespaceAsync(pid, "user"));
        }
    }

    private Task<string> NamespaceAsync(string pid, string kind) => _node.Machine.OutputAsync("readlink", $"/proc/{pid}/ns/{kind}");

    private async Task<long> NumberAsync(string unit, string property) =>
        long.Parse(await _node.ShowAsync(unit, property), CultureInfo.InvariantCulture);

    /// <summary>Checks that the journal reports nothing killed by a filter or denied by the kernel.</summary>
    private async Task AssertNothingDeniedAsync()
    {
        var journal = await _node.JournalAsync();
        foreach (var word in new[] { "SIGSYS", "status=31", "core-dump", "Operation not permitted", "EPERM",
            "Permission denied", "EACCES" })
        {
            Assert.DoesNotContain(word, journal, StringComparison.Ordinal);
        }
    }

    private async Task<HashSet<string>> ProbeAsync(string unit, string script)
    {
        await _node.Machine.RunAsync(["systemctl", "stop", unit]);
        await _node.Machine.WriteAsync("/opt/probe", script);
        await _node.Machine.OutputAsync("chmod", "755", "/opt/probe");
        await _node.Machine.WriteAsync(InstalledNode.TestDropIn(unit),
            "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/opt/probe\n");
        await _node.Machine.OutputAsync("systemctl", "daemon-reload");
        await _node.Machine.OutputAsync("systemctl", "start", unit);
        // The last lines may reach the journal a moment after the unit has exited.
        HashSet<string> lines = [];
        await Eventually.TrueAsync(
            async () =>
            {
                lines = [
                    .. (await _node.Machine.OutputAsync("journalctl", "--no-pager", "--output=cat", "--unit", unit,
                        "--identifier=probe")).Split('\n')];
                return lines.Contains(ProbeEnd);
            },
            () => $"the probe's last line; its output: {string.Join(", ", lines)}");
        return lines;
    }

    /// <summary>One machine for the tests of a class, booted when the first of them runs.</summary>
    public abstract class SharedNode : IAsyncDisposable
    {
        private InstalledNode? _node;

        internal abstract TargetKind Kind { get; }

        public async ValueTask DisposeAsync()
        {
            if (_node is not null)
            {
                await _node.DisposeAsync();
            }
        }

        internal async Task<InstalledNode> FreshAsync()
        {
            if (_node is null)
            {
                _node = await InstalledNode.StartAsync(Kind);
            }
            else
            {
                await _node.RestoreAsync();
            }

            return _node;
        }
    }
}
