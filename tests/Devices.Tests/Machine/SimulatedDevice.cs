namespace ACCOffload.Devices.Tests.Machine;

/// <summary>A netdevsim device in the machine.</summary>
internal sealed class SimulatedDevice : IAsyncDisposable
{
    private readonly DeviceMachine _machine;
    private readonly int _number;

    private SimulatedDevice(DeviceMachine machine, int number)
    {
        _machine = machine;
        _number = number;
    }

    public string Handle => $"netdevsim/netdevsim{_number}";

    public string Folder => $"/sys/bus/netdevsim/devices/netdevsim{_number}";

    public static async Task<SimulatedDevice> AddAsync(DeviceMachine machine, int number, int ports)
    {
        await machine.OutputAsync($"modprobe netdevsim && echo '{number} {ports}' >/sys/bus/netdevsim/new_device && udevadm settle");
        return new SimulatedDevice(machine, number);
    }

    public async ValueTask DisposeAsync() => await _machine.OutputAsync($"echo {_number} >/sys/bus/netdevsim/del_device");
}
