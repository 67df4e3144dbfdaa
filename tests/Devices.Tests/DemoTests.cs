using ACCOffload.Devices.Tests.Machine;

namespace ACCOffload.Devices.Tests;

/// <summary>The demo with device kinds of Debian's kernel that the host's kernel may lack.</summary>
[Collection("VM")]
public sealed class DemoTests(DeviceMachine machine)
{
    [Theory]
    [InlineData("ipvlan")]
    [InlineData("tap")]
    public async Task The_demo_works_with(string device)
    {
        Needs.NotMissing(DeviceMachine.Missing);
        var before = await SnapshotAsync();
        var output =
            await machine.OutputAsync($"modprobe -a tun ipvlan && DEVICE={device} /usr/lib/devices-test/demo/tests/demo/demo 2>&1");

        Assert.Contains($"devices of kind {device}", output);
        Assert.Matches("pod a → pod b .* 0% packet loss, ttl=63", output);
        Assert.Matches("host  → pod a .* 0% packet loss", output);
        Assert.Contains("300 TCP connections", output);
        Assert.Contains("60 of 60 open connections go on", output);
        Assert.Contains("It works", output);
        Assert.Equal(before, await SnapshotAsync());
    }

    private Task<string> SnapshotAsync() =>
        machine.OutputAsync(
            "ip netns list | sort; ip -o link show | awk '{ print $2 }' | sort; pgrep -x inframanager | wc -l; pgrep -x host-stub | wc "
            + "-l; ls -d /tmp/accoffload* 2>/dev/null | wc -l");
}
