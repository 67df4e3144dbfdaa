using ACCOffload.Devices.Tests.Machine;

namespace ACCOffload.Devices.Tests;

/// <summary>
/// Pods with SR-IOV virtual functions of an emulated card with Linux drivers, through plugin, agent, ACC and soft target.
/// </summary>
[Collection("VM")]
public sealed class VfTests(DeviceMachine machine)
{
    [Fact]
    public async Task Two_pods_with_virtual_functions_reach_each_other_through_the_pipeline()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var sriov = await machine.ProbeAsync($"sriov {DeviceMachine.PhysicalAddress}");
        Assert.Equal(("igb", DeviceMachine.Functions), ((string?)sriov["driver"], (int)sriov["current"]!));
        var all = sriov["functions"]!.AsArray().Select(f => (string)f!["address"]!).Order().ToArray();
        Assert.Equal(all, await machine.FreeAsync());
        var before = await machine.InterfacesAsync();
        Assert.Equal(DeviceMachine.Functions, before.Length);

        var a = await machine.AddPodAsync("a");
        var b = await machine.AddPodAsync("b");
        await machine.PingsAsync("a", b);
        Assert.Contains("ttl=63", await machine.OutputAsync($"ip netns exec a ping -n -c 1 -t 64 -W 10 {b}"));
        await machine.OutputAsync($"ping -n -c 1 -W 10 {a}");
        Assert.Contains("parentdev 0000:01:10.", await machine.OutputAsync("ip -n a -d link show eth0"));
        Assert.Equal(["enp1s0v2", "enp1s0v3", "enp1s0v4", "enp1s0v5", "enp1s0v6"],
            (await machine.InterfacesAsync()).Select(i => i.Split(' ')[0]));
        Assert.Equal(new[] { a, b }.Order(), await machine.TableAsync());
        // Both use the port wire; the ACC distinguishes them by MAC.
        var vports = (await machine.JsonAsync("inframanager ctl --json vports"))["vports"]!.AsArray()
            .Where(v => (string?)v!["name"] == "wire").ToArray();
        Assert.Equal(["vf default/a", "vf default/b"], vports.Select(v => $"{v!["device"]} {v["endpoints"]!.AsArray().Single()}").Order());
        Assert.Equal(new[] { await machine.MacAsync("a"), await machine.MacAsync("b") }.Order(),
            vports.Select(v => (string)v!["mac"]!).Order());
        Assert.Equal(0, (await machine.CniAsync("CHECK", "a")).ExitCode);

        await machine.DeletePodAsync("a");
        await machine.DeletePodAsync("b");
        Assert.Equal(all, await machine.FreeAsync());
        Assert.Equal(before, await machine.InterfacesAsync());
        Assert.Empty(await machine.TableAsync());
    }

    [Fact]
    public async Task The_runtime_may_choose_a_function_and_exhaustion_is_a_clear_error()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var free = await machine.FreeAsync();
        await machine.AddPodAsync("chosen", $$"""{"deviceID":"{{free[5]}}"}""");
        Assert.Contains($"parentdev {free[5]}", await machine.OutputAsync("ip -n chosen -d link show eth0"));
        await machine.OutputAsync("ip netns add more");
        var taken = await machine.FailedAsync("ADD", "more", $$"""{"deviceID":"{{free[5]}}"}""");
        Assert.Equal(11, taken.Code);
        Assert.Contains($"the virtual function {free[5]} is in use", taken.Text);

        for (var i = 1; i < DeviceMachine.Functions; i++)
        {
            await machine.AddPodAsync($"p{i}");
        }

        var refused = await machine.FailedAsync("ADD", "more");
        Assert.Equal(11, refused.Code);
        Assert.Contains("no virtual function is free: 7 of 7 are in use", refused.Text);
        // STATUS succeeds on a node without free devices.
        Assert.Equal(0, (await machine.AskAsync("/usr/lib/devices-test/cni STATUS")).ExitCode);

        await machine.DeletePodAsync("chosen");
        for (var i = 1; i < DeviceMachine.Functions; i++)
        {
            await machine.DeletePodAsync($"p{i}");
        }

        await machine.OutputAsync("/usr/lib/devices-test/cni DEL more; ip netns del more");
        Assert.Equal(free, await machine.FreeAsync());
    }

    [Fact]
    public async Task A_random_MAC_is_set_in_the_way_that_the_driver_supports()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var before = await machine.InterfacesAsync();
        await machine.ReconfigureAsync(".Device.Vf.Mac = \"random\"");
        // The agent must bring the interface up again, or pods have no network.
        await machine.OutputAsync("ip link set enp1s0 down");
        try
        {
            // Twice, because igb lets a function change its MAC only while the physical function has not assigned one.
            var seen = new HashSet<string>();
            for (var i = 0; i < 2; i++)
            {
                var a = await machine.AddPodAsync("a");
                var mac = await machine.MacAsync("a");
                Assert.True(seen.Add(mac), mac);
                Assert.DoesNotContain(before, f => f.Contains(mac, StringComparison.Ordinal));
                Assert.Contains(mac, await machine.OutputAsync("ip -n a link show eth0"));
                Assert.Contains(mac, await machine.OutputAsync("ip link show enp1s0"));
                await machine.PingsAsync("a", "200.1.1.2");
                await machine.DeletePodAsync("a");
                Assert.Equal(before, await machine.InterfacesAsync());
            }
        }
        finally
        {
            await machine.ReconfigureAsync("del(.Device.Vf.Mac)");
        }
    }

    [Fact]
    public async Task Functions_of_deleted_namespaces_are_restored()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var free = await machine.FreeAsync();
        var before = await machine.InterfacesAsync();
        var pods = Enumerable.Range(0, DeviceMachine.Functions).Select(i => $"v{i}").ToArray();
        foreach (var pod in pods)
        {
            await machine.AddPodAsync(pod, """{"mtu":1400}""");
        }

        Assert.Empty(await machine.InterfacesAsync());
        foreach (var pod in pods)
        {
            await machine.OutputAsync($"ip netns del {pod}");
        }

        await machine.UntilAsync($"host-stub devices --json | jq -e '.pools[] | select(.kind == \"vf\") | .free | length == {DeviceMachine.Functions}'", "all functions are free again");
        Assert.Equal(free, await machine.FreeAsync());
        await machine.UntilAsync("""test $(inframanager ctl tables pods | grep -c '^  10\.') = 0""", "the ACC has removed the pods");
        Assert.Equal(before, await machine.InterfacesAsync());
        // A function that is reused before the runtime reports the old pod's end belongs only to the new pod.
        var address = await machine.AddPodAsync("after");
        Assert.Equal(0,
            (await machine.CniAsync("GC", "after",
                extra: """{"cni.dev/valid-attachments":[{"containerID":"after","ifname":"eth0"}]}""")).ExitCode);
        Assert.Equal([address], await machine.TableAsync());
        Assert.Equal(0, (await machine.CniAsync("CHECK", "after")).ExitCode);
        await machine.DeletePodAsync("after");
        Assert.Equal(free, await machine.FreeAsync());
        Assert.Equal(0, await machine.InUseAsync());
    }

    [Fact]
    public async Task Functions_that_disappear_are_a_clear_error_and_return_to_their_pods()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var free = await machine.FreeAsync();
        var a = await machine.AddPodAsync("a");
        var b = await machine.AddPodAsync("b");

        // The driver is unloaded, as during an update.
        await machine.OutputAsync("modprobe -r igbvf && ip netns add late");
        var check = await machine.FailedAsync("CHECK", "a");
        Assert.Contains($"the virtual function {free[0]} of podnet/a/eth0 is not in the pod", check.Text);
        var any = await machine.FailedAsync("ADD", "late");
        Assert.Equal(11, any.Code);
        Assert.Contains("no virtual function is free: 2 of 7 are in use", any.Text);
        var chosen = await machine.FailedAsync("ADD", "late", $$"""{"deviceID":"{{free[3]}}"}""");
        Assert.Equal(11, chosen.Code);
        Assert.Contains($"the virtual function {free[3]} has no interface in the host's namespace", chosen.Text);
        await machine.OutputAsync("modprobe igbvf");
        await machine.UntilAsync("/usr/lib/devices-test/cni CHECK a && /usr/lib/devices-test/cni CHECK b",
            "the pods have their functions again");
        await machine.PingsAsync("a", b);

        // The functions are removed; the configured number is created again automatically.
        await machine.OutputAsync("echo 0 >/sys/class/net/enp1s0/device/sriov_numvfs");
        await machine.UntilAsync("/usr/lib/devices-test/cni CHECK a && /usr/lib/devices-test/cni CHECK b",
            "the pods have their functions again");
        await machine.PingsAsync("b", a);
        await machine.AttachAsync("late");
        await machine.PingsAsync("late", a);

        foreach (var pod in new[] { "a", "b", "late" })
        {
            await machine.DeletePodAsync(pod);
        }

        Assert.Equal(free, await machine.FreeAsync());
    }

    [Fact]
    public async Task An_agent_killed_during_ADD_loses_no_function()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        const int Rounds = 20;
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var free = await machine.FreeAsync();
        var before = await machine.InterfacesAsync();
        var stays = await machine.AddPodAsync("stays");
        var started = await machine.OutputAsync("date +%s%N");
        await machine.AddPodAsync("timed");
        var duration = (long.Parse(await machine.OutputAsync("date +%s%N")) - long.Parse(started)) / 1e9;
        await machine.DeletePodAsync("timed");

        var cut = 0;
        for (var round = 0; cut < Rounds; round++)
        {
            Assert.True(round < 6 * Rounds, $"seed {seed}: only {cut} of {round} kills hit an ADD, which takes {duration} s");
            var pod = $"k{round}";
            var delay = (random.NextDouble() * duration).ToString("0.000", System.Globalization.CultureInfo.InvariantCulture);
            var hit =
                await machine.AskAsync($"ip netns add {pod}; /usr/lib/devices-test/cni ADD {pod} >/run/{pod}.out & sleep {delay}; "
                    + $"systemctl kill -s KILL --kill-whom=main host-stub-agent; wait $!");
            if (hit.ExitCode != 0)
            {
                cut++;
            }
            // The runtime retries a failed sandbox after a DEL; sometimes the pod is deleted without one.
            await machine.ReadyAsync();
            if (random.Next(3) == 0)
            {
                await machine.OutputAsync($"ip netns del {pod}");
            }
            else
            {
                await machine.DeletePodAsync(pod);
            }
        }
        Assert.Equal(0,
            (await machine.CniAsync("GC", "stays",
                extra: """{"cni.dev/valid-attachments":[{"containerID":"stays","ifname":"eth0"}]}""")).ExitCode);
        Assert.Equal([stays], await machine.TableAsync());
        Assert.Equal([stays], await machine.EndpointsAsync());
        Assert.Equal(1, await machine.InUseAsync());
        Assert.Equal(DeviceMachine.Functions - 1, (await machine.FreeAsync()).Length);
        Assert.Equal(0, (await machine.CniAsync("CHECK", "stays")).ExitCode);
        await machine.OutputAsync($"ping -n -c 1 -W 10 {stays}");
        await machine.DeletePodAsync("stays");
        Assert.Equal(free, await machine.FreeAsync());
        Assert.Equal(before, await machine.InterfacesAsync());
    }

    [Fact]
    public async Task A_rebooted_host_restores_its_functions()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var free = await machine.FreeAsync();
        await machine.AddPodAsync("old");
        await machine.RebootAsync();
        await machine.ReadyAsync();
        await machine.UntilAsync($"host-stub devices --json | jq -e '.pools[] | select(.kind == \"vf\") | .free | length == {DeviceMachine.Functions}'", "the configured number of functions exists and is free");
        Assert.Equal(free, await machine.FreeAsync());
        await machine.UntilAsync("""test $(inframanager ctl tables pods | grep -c '^  10\.') = 0""",
            "the tables hold no entries of old pods");

        // The runtime recreates its pods and reports the old ones as gone.
        Assert.Equal(0, (await machine.CniAsync("GC", "old", extra: """{"cni.dev/valid-attachments":[]}""")).ExitCode);
        var a = await machine.AddPodAsync("a");
        await machine.AddPodAsync("b");
        await machine.PingsAsync("b", a);
        await machine.DeletePodAsync("a");
        await machine.DeletePodAsync("b");
        Assert.Equal(0, await machine.InUseAsync());
    }
}
