using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>Answers requests to the devlink family and the generic netlink controller, with the kernel's checks.</summary>
internal sealed class DevlinkRequests(FakeHost host)
{
    private const int Nested = 0x8000;

    public void Controller(FakeSocket socket, byte[] request)
    {
        var attributes = Attributes.Read(request.AsSpan(20));
        if (request[16] != 3 || Attributes.FindText(attributes, 2) != "devlink" || !host.HasDevlink)
        {
            socket.Acknowledge(request, new FakeError(Errno.ENOENT));
            return;
        }
        socket.Reply(request, 0x10, DevlinkMessages.Family(), multi: false);
        socket.Acknowledge(request, null);
    }

    public void Handle(FakeSocket socket, byte[] request)
    {
        var command = request[16];
        var attributes = Attributes.Read(request.AsSpan(20));
        var device = Attributes.FindText(attributes, 1) is { } bus ? $"{bus}/{Attributes.FindText(attributes, 2)}" : "";
        var asked = new FakeRequest(Name(command), device, Attributes.FindU32(attributes, 3));
        host.RequestLog.Add(asked);
        var error = host.Refuse?.Invoke(asked);
        if (error is null && (BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(6)) & 0x300) == 0x300)
        {
            foreach (var answer in Dump(command))
            {
                socket.Reply(request, FakeHost.DevlinkFamily, answer, multi: true);
            }

            socket.Done(request);
            return;
        }
        if (error is null)
        {
            (var answer, error) = Do(command, attributes, asked);
            if (answer is not null)
            {
                socket.Reply(request, FakeHost.DevlinkFamily, answer, multi: false);
            }
        }
        socket.Acknowledge(request, error);
    }

    private static string Name(byte command) => command switch
    {
        1 => "dev get",
        5 => "port get",
        6 => "function set",
        7 => "port new",
        8 => "port del",
        29 => "eswitch get",
        30 => "eswitch set",
        _ => $"command {command}",
    };

    private IEnumerable<byte[]> Dump(byte command) => command switch
    {
        1 => host.Devices.Select(d => DevlinkMessages.Device(d, DevlinkMessages.New)),
        5 => host.Devices.SelectMany(d => d.Ports).Select(p => DevlinkMessages.Port(p, DevlinkMessages.New)),
        _ => [],
    };

    private (byte[]? Answer, FakeError? Error) Do(byte command, List<(int Type, byte[] Value)> attributes, FakeRequest asked)
    {
        if (host.Devices.FirstOrDefault(d => d.Handle.ToString() == asked.Device) is not { } device)
        {
            return (null, new FakeError(Errno.ENODEV));
        }

        switch (command)
        {
            case 7:
                return NewPort(device, attributes);
            case 29:
                return (DevlinkMessages.Eswitch(device), null);
            case 30:
                return (null, SetMode(device, attributes));
        }
        if (device.Ports.FirstOrDefault(p => p.Index == asked.Port) is not { } port)
        {
            return (null, new FakeError(Errno.ENODEV, command == 8 ? "Port not found" : null));
        }

        switch (command)
        {
            case 5:
                return (DevlinkMessages.Port(port, DevlinkMessages.PortNew), null);
            case 6:
                return (null, SetFunction(port, attributes));
            case 8 when port.Flavour != DevlinkPortFlavour.PciSf:
                return (null, new FakeError(Errno.EOPNOTSUPP));
            case 8:
                device.Remove(port);
                return (null, null);
            default:
                return (null, new FakeError(Errno.EOPNOTSUPP));
        }
    }

    private static (byte[]? Answer, FakeError? Error) NewPort(FakeDevlinkDevice device, List<(int Type, byte[] Value)> attributes)
    {
        if (Attributes.FindU16(attributes, 77) is not { } flavour || Attributes.FindU16(attributes, 127) is not { } pf)
        {
            return (null, new FakeError(Errno.EINVAL, "Port flavour or PCI PF are not specified"));
        }

        if (flavour != (int)DevlinkPortFlavour.PciSf)
        {
            return (null, new FakeError(Errno.EOPNOTSUPP, "only subfunctions can be added"));
        }

        if (device.Mode != DevlinkEswitchMode.Switchdev)
        {
            return (null, new FakeError(Errno.EOPNOTSUPP, "ports are added in switchdev mode only"));
        }

        if (pf != device.PfNumber)
        {
            return (null, new FakeError(Errno.EINVAL, "unknown PF"));
        }

        var number = Attributes.FindU32(attributes, 164);
        if (number is null && !device.ChoosesNumbers)
        {
            return (null, new FakeError(Errno.EOPNOTSUPP, "the caller must choose an sfnum"));
        }

        if (device.Subfunctions.Any(p => p.SfNumber == number))
        {
            return (null, new FakeError(Errno.EEXIST, "this sfnum is in use"));
        }

        if (device.Subfunctions.Count >= device.MaxSubfunctions)
        {
            return (null, new FakeError(Errno.ENOSPC, "the maximum number of subfunctions exists"));
        }

        if (number is null)
        {
            for (number = 1; device.Subfunctions.Any(p => p.SfNumber == number); number++)
            {
            }
        }
        var port = device.Add(DevlinkPortFlavour.PciSf, number, controller: Attributes.FindU32(attributes, 150));
        // With DEVLINK_CMD_NEW, as Linux 6.1 does here and in the dump.
        return (DevlinkMessages.Port(port, DevlinkMessages.New), null);
    }

    private static FakeError? SetMode(FakeDevlinkDevice device, List<(int Type, byte[] Value)> attributes)
    {
        if (Attributes.FindU16(attributes, 25) is not { } mode || mode > 1)
        {
            return new FakeError(Errno.EINVAL, "unknown mode");
        }

        if (device.Subfunctions.Count > 0)
        {
            return new FakeError(Errno.EBUSY, "subfunctions exist");
        }

        device.Mode = (DevlinkEswitchMode)mode;
        return null;
    }

    private static FakeError? SetFunction(FakePort port, List<(int Type, byte[] Value)> attributes)
    {
        if (!attributes.Exists(a => a.Type == (145 | Nested)))
        {
            return new FakeError(Errno.EINVAL, "NLA_F_NESTED is missing");
        }

        if (port.Flavour != DevlinkPortFlavour.PciSf)
        {
            return new FakeError(Errno.EOPNOTSUPP, "the port has no function to configure");
        }

        var function = Attributes.Read(Attributes.Find(attributes, 145));
        if (Attributes.Find(function, 1) is { } mac)
        {
            if (port.Active)
            {
                return new FakeError(Errno.EBUSY, "the function is active");
            }

            if (mac.Length != 6 || (mac[0] & 1) != 0)
            {
                return new FakeError(Errno.EINVAL, "invalid function address");
            }

            port.FunctionMac = new MacAddress(mac);
        }
        if (Attributes.Find(function, 2) is [var state])
        {
            if (state == 0)
            {
                port.Deactivate(notify: false);
            }
            else if (!port.Active)
            {
                port.Active = true;
                // The acknowledgement does not wait for the function's driver.
                new Thread(() => port.Device.Activation(port)) { IsBackground = true, Name = "fake activation" }.Start();
            }
        }
        port.Notify();
        return null;
    }
}
