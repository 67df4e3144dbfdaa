using System.Globalization;
using ACCOffload.Devices.Tests.Machine;

namespace ACCOffload.Devices.Tests;

/// <summary>Reports the time of an ADD with a virtual function relative to the ip tool; there is no limit.</summary>
[Collection("VM")]
public sealed class AddBench(DeviceMachine machine, ITestOutputHelper output)
{
    [Fact]
    public async Task ADD_is_compared_with_the_same_steps_of_the_ip_tool()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        const int Rounds = 15;
        var words = (await machine.OutputAsync($"/usr/lib/devices-test/bench {Rounds}")).Split(' ');
        double plugin = double.Parse(words[1], CultureInfo.InvariantCulture) / 1000, steps = double.Parse(words[3],
            CultureInfo.InvariantCulture) / 1000;
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture, $"VF ADD, emulated machine, median of {Rounds}: plugin {plugin:0} ms, ip tool {steps:0} ms, "
                    + $"ratio {plugin / steps:0.00}"));
        Assert.Equal(DeviceMachine.Functions, (await machine.FreeAsync()).Length);
    }
}
