using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Reads what the devlink family says. Attributes that are not known are passed over.</summary>
internal static class DevlinkCodec
{
    public static bool ParseDevice(in NetlinkMessage message, out DevlinkHandle device)
    {
        const string Operation = "read a devlink device";
        device = null!;
        if (!Begin(message, Operation, out var command, out var attributes) || command is not (DevlinkProtocol.New or DevlinkProtocol.Delete))
        {
            return false;
        }

        var handle = default(HandleParts);
        while (attributes.MoveNext())
        {
            handle.Take(attributes);
        }

        device = handle.Complete(attributes, Operation);
        return true;
    }

    public static bool ParsePort(in NetlinkMessage message, out DevlinkPort port)
    {
        const string Operation = "read a devlink port";
        port = null!;
        // Older kernels (6.1 for one) answer a dump of ports, and the making of one, with the command of a new device.
        if (!Begin(message, Operation, out var command, out var attributes) || command is not (DevlinkProtocol.PortNew or DevlinkProtocol.PortDelete or DevlinkProtocol.New))
        {
            return false;
        }

        var handle = default(HandleParts);
        uint? index = null;
        var result = new DevlinkPort { Device = null!, Index = 0 };
        while (attributes.MoveNext())
        {
            handle.Take(attributes);
            switch (attributes.Type)
            {
                case DevlinkProtocol.PortIndex:
                    index = attributes.Number<uint>();
                    break;
                case DevlinkProtocol.PortType:
                    result = result with { Type = (DevlinkPortType)attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.PortFlavour:
                    result = result with { Flavour = (DevlinkPortFlavour)attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.PortNetdevName:
                    result = result with { NetdevName = attributes.Text() is { Length: > 0 } name ? name : null };
                    break;
                case DevlinkProtocol.PortNetdevIndex:
                    result = result with { NetdevIndex = (int)Math.Min(attributes.Number<uint>(), int.MaxValue) };
                    break;
                case DevlinkProtocol.PortNumber:
                    result = result with { PhysicalNumber = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.PortPfNumber:
                    result = result with { PfNumber = attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.PortVfNumber:
                    result = result with { VfNumber = attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.PortSfNumber:
                    result = result with { SfNumber = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.PortController:
                    result = result with { Controller = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.PortExternal:
                    result = result with { External = attributes.Number<byte>() != 0 };
                    break;
                case DevlinkProtocol.PortFunction:
                    var function = attributes.Nested();
                    result = ReadFunction(ref function, result);
                    attributes.Absorb(function);
                    break;
            }
        }
        var device = handle.Complete(attributes, Operation);
        if (index is null && command == DevlinkProtocol.New)
        {
            return false;
        }

        port = result with { Device = device, Index = index ?? throw Malformed(Operation) };
        return true;
    }

    public static bool ParseInfo(in NetlinkMessage message, out DevlinkInfo info)
    {
        const string Operation = "read the information of a devlink device";
        info = null!;
        if (!Begin(message, Operation, out var command, out var attributes) || command != DevlinkProtocol.InfoGet)
        {
            return false;
        }

        var handle = default(HandleParts);
        var result = new DevlinkInfo { Device = null! };
        var (onBoard, running, stored) = (new List<DevlinkVersion>(), new List<DevlinkVersion>(), new List<DevlinkVersion>());
        while (attributes.MoveNext())
        {
            handle.Take(attributes);
            switch (attributes.Type)
            {
                case DevlinkProtocol.InfoDriverName:
                    result = result with { Driver = attributes.Text() };
                    break;
                case DevlinkProtocol.InfoSerialNumber:
                    result = result with { SerialNumber = attributes.Text() };
                    break;
                case DevlinkProtocol.InfoBoardSerialNumber:
                    result = result with { BoardSerialNumber = attributes.Text() };
                    break;
                case DevlinkProtocol.InfoVersionFixed:
                    ReadVersion(ref attributes, onBoard);
                    break;
                case DevlinkProtocol.InfoVersionRunning:
                    ReadVersion(ref attributes, running);
                    break;
                case DevlinkProtocol.InfoVersionStored:
                    ReadVersion(ref attributes, stored);
                    break;
            }
        }
        info = result with { Device = handle.Complete(attributes, Operation), Fixed = onBoard, Running = running, Stored = stored };
        return true;
    }

    public static bool ParseEswitch(in NetlinkMessage message, out DevlinkEswitch eswitch)
    {
        const string Operation = "read the switch of a devlink device";
        eswitch = null!;
        if (!Begin(message, Operation, out var command, out var attributes) || command != DevlinkProtocol.EswitchGet)
        {
            return false;
        }

        var handle = default(HandleParts);
        DevlinkEswitchMode? mode = null;
        byte? inline = null;
        bool? encapsulation = null;
        while (attributes.MoveNext())
        {
            handle.Take(attributes);
            switch (attributes.Type)
            {
                case DevlinkProtocol.EswitchMode:
                    mode = (DevlinkEswitchMode)attributes.Number<ushort>();
                    break;
                case DevlinkProtocol.EswitchInlineMode:
                    inline = attributes.Number<byte>();
                    break;
                case DevlinkProtocol.EswitchEncapsulationMode:
                    encapsulation = attributes.Number<byte>() != 0;
                    break;
            }
        }
        _ = handle.Complete(attributes, Operation);
        // A driver without modes leaves the attribute out: its switch works by itself.
        eswitch = new DevlinkEswitch(mode ?? DevlinkEswitchMode.Legacy, inline, encapsulation);
        return true;
    }

    public static bool ParseRate(in NetlinkMessage message, out DevlinkRate rate)
    {
        const string Operation = "read the rate of a devlink port";
        rate = null!;
        if (!Begin(message, Operation, out var command, out var attributes) || command != DevlinkProtocol.RateNew)
        {
            return false;
        }

        var handle = default(HandleParts);
        var result = new DevlinkRate(0, 0);
        while (attributes.MoveNext())
        {
            handle.Take(attributes);
            if (attributes.Type == DevlinkProtocol.RateTxShare)
            {
                result = result with { TxShare = attributes.Number<ulong>() };
            }
            else if (attributes.Type == DevlinkProtocol.RateTxMax)
            {
                result = result with { TxMax = attributes.Number<ulong>() };
            }
        }
        _ = handle.Complete(attributes, Operation);
        rate = result;
        return true;
    }

    /// <summary>Reads a notification of the "config" group; what is not about devices and ports is left out.</summary>
    public static bool ParseEvent(in NetlinkMessage message, out DevlinkEvent change)
    {
        change = default;
        if (!Begin(message, "read a devlink notification", out var command, out _))
        {
            return false;
        }

        switch (command)
        {
            case DevlinkProtocol.New or DevlinkProtocol.Delete:
                _ = ParseDevice(message, out var device);
                change = new DevlinkEvent(command == DevlinkProtocol.New ? DevlinkEventKind.DeviceChanged : DevlinkEventKind.DeviceRemoved, device, null);
                return true;
            case DevlinkProtocol.PortNew or DevlinkProtocol.PortDelete:
                _ = ParsePort(message, out var port);
                change = new DevlinkEvent(command == DevlinkProtocol.PortNew ? DevlinkEventKind.PortChanged : DevlinkEventKind.PortRemoved, port.Device, port);
                return true;
            default:
                return false;
        }
    }

    private static bool Begin(in NetlinkMessage message, string operation, out byte command, out AttributeReader attributes)
    {
        command = 0;
        attributes = default;
        // Netlink's own messages; a socket of generic netlink gets no others but the family's.
        if (message.Type < GenetlinkCodec.Controller)
        {
            return false;
        }

        if (!message.TryRead<GenetlinkCodec.Header>(out var header, out attributes))
        {
            throw Malformed(operation);
        }

        command = header.Command;
        return true;
    }

    private static DevlinkPort ReadFunction(ref AttributeReader attributes, DevlinkPort port)
    {
        while (attributes.MoveNext())
        {
            port = attributes.Type switch
            {
                DevlinkProtocol.FunctionHardwareAddress => port with { FunctionMac = attributes.Mac() },
                DevlinkProtocol.FunctionState => port with { FunctionActive = attributes.Number<byte>() == DevlinkProtocol.Active },
                DevlinkProtocol.FunctionOperationalState => port with { FunctionAttached = attributes.Number<byte>() == DevlinkProtocol.Attached },
                _ => port,
            };
        }
        return port;
    }

    private static void ReadVersion(ref AttributeReader attributes, List<DevlinkVersion> versions)
    {
        var nest = attributes.Nested();
        var (name, value) = ("", "");
        while (nest.MoveNext())
        {
            if (nest.Type == DevlinkProtocol.InfoVersionName)
            {
                name = nest.Text();
            }
            else if (nest.Type == DevlinkProtocol.InfoVersionValue)
            {
                value = nest.Text();
            }
        }
        attributes.Absorb(nest);
        versions.Add(new DevlinkVersion(name, value));
    }

    private static NetlinkException Malformed(string operation) => NetlinkException.Malformed(operation, "the kernel's description is malformed");

    private struct HandleParts
    {
        private string? _bus;
        private string? _name;

        public void Take(in AttributeReader attributes)
        {
            if (attributes.Type == DevlinkProtocol.BusName)
            {
                _bus = attributes.Text();
            }
            else if (attributes.Type == DevlinkProtocol.DeviceName)
            {
                _name = attributes.Text();
            }
        }

        public readonly DevlinkHandle Complete(in AttributeReader attributes, string operation) =>
            attributes.Failed || string.IsNullOrEmpty(_bus) || string.IsNullOrEmpty(_name) ? throw Malformed(operation) : new DevlinkHandle(_bus, _name);
    }
}
