using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Parses messages of the devlink family. Unknown attributes are ignored.</summary>
internal static class DevlinkCodec
{
    public static bool ParseDevice(in NetlinkMessage message, out DevlinkHandle device)
    {
        const string Operation = "read a devlink device";
        device = null!;
        if (!Begin(message, Operation, out var command, out var attributes)
            || command is not (DevlinkProtocol.DEVLINK_CMD_NEW or DevlinkProtocol.DEVLINK_CMD_DEL))
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
        // Older kernels (such as 6.1) answer a port dump and a port creation with DEVLINK_CMD_NEW.
        if (!Begin(message, Operation, out var command, out var attributes) || command is not (
            DevlinkProtocol.DEVLINK_CMD_PORT_NEW or DevlinkProtocol.DEVLINK_CMD_PORT_DEL or DevlinkProtocol.DEVLINK_CMD_NEW))
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
                case DevlinkProtocol.DEVLINK_ATTR_PORT_INDEX:
                    index = attributes.Number<uint>();
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_TYPE:
                    result = result with { Type = (DevlinkPortType)attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_FLAVOUR:
                    result = result with { Flavour = (DevlinkPortFlavour)attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_NETDEV_NAME:
                    result = result with { NetdevName = attributes.Text() is { Length: > 0 } name ? name : null };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_NETDEV_IFINDEX:
                    result = result with { NetdevIndex = (int)Math.Min(attributes.Number<uint>(), int.MaxValue) };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_NUMBER:
                    result = result with { PhysicalNumber = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_PCI_PF_NUMBER:
                    result = result with { PfNumber = attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_PCI_VF_NUMBER:
                    result = result with { VfNumber = attributes.Number<ushort>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_PCI_SF_NUMBER:
                    result = result with { SfNumber = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_CONTROLLER_NUMBER:
                    result = result with { Controller = attributes.Number<uint>() };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_EXTERNAL:
                    result = result with { External = attributes.Number<byte>() != 0 };
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_PORT_FUNCTION:
                    var function = attributes.Nested();
                    result = ReadFunction(ref function, result);
                    attributes.Absorb(function);
                    break;
            }
        }
        var device = handle.Complete(attributes, Operation);
        if (index is null && command == DevlinkProtocol.DEVLINK_CMD_NEW)
        {
            return false;
        }

        port = result with { Device = device, Index = index ?? throw Malformed(Operation) };
        return true;
    }

    public static bool ParseEswitch(in NetlinkMessage message, out DevlinkEswitch eswitch)
    {
        const string Operation = "read the switch of a devlink device";
        eswitch = null!;
        if (!Begin(message, Operation, out var command, out var attributes) || command != DevlinkProtocol.DEVLINK_CMD_ESWITCH_GET)
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
                case DevlinkProtocol.DEVLINK_ATTR_ESWITCH_MODE:
                    mode = (DevlinkEswitchMode)attributes.Number<ushort>();
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_ESWITCH_INLINE_MODE:
                    inline = attributes.Number<byte>();
                    break;
                case DevlinkProtocol.DEVLINK_ATTR_ESWITCH_ENCAP_MODE:
                    encapsulation = attributes.Number<byte>() != 0;
                    break;
            }
        }
        _ = handle.Complete(attributes, Operation);
        // A driver without modes omits the attribute: its switch runs in legacy mode.
        eswitch = new DevlinkEswitch(mode ?? DevlinkEswitchMode.Legacy, inline, encapsulation);
        return true;
    }

    /// <summary>Parses a notification of the "config" group; only devices and ports are of interest.</summary>
    public static bool ParseEvent(in NetlinkMessage message, out DevlinkEvent change)
    {
        change = default;
        if (!Begin(message, "read a devlink notification", out var command, out _))
        {
            return false;
        }

        switch (command)
        {
            case DevlinkProtocol.DEVLINK_CMD_NEW or DevlinkProtocol.DEVLINK_CMD_DEL:
                _ = ParseDevice(message, out var device);
                change = new DevlinkEvent(command == DevlinkProtocol.DEVLINK_CMD_NEW ? DevlinkEventKind.DeviceChanged
                    : DevlinkEventKind.DeviceRemoved, device, null);
                return true;
            case DevlinkProtocol.DEVLINK_CMD_PORT_NEW or DevlinkProtocol.DEVLINK_CMD_PORT_DEL:
                _ = ParsePort(message, out var port);
                change = new DevlinkEvent(command == DevlinkProtocol.DEVLINK_CMD_PORT_NEW ? DevlinkEventKind.PortChanged
                    : DevlinkEventKind.PortRemoved, port.Device, port);
                return true;
            default:
                return false;
        }
    }

    private static bool Begin(in NetlinkMessage message, string operation, out byte command, out AttributeReader attributes)
    {
        command = 0;
        attributes = default;
        // Netlink control messages; a generic netlink socket otherwise receives only messages of its family.
        if (message.Type < GenetlinkCodec.GENL_ID_CTRL)
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
                DevlinkProtocol.DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR => port with { FunctionMac = attributes.Mac() },
                DevlinkProtocol.DEVLINK_PORT_FN_ATTR_STATE =>
                    port with { FunctionActive = attributes.Number<byte>() == DevlinkProtocol.DEVLINK_PORT_FN_STATE_ACTIVE },
                DevlinkProtocol.DEVLINK_PORT_FN_ATTR_OPSTATE =>
                    port with { FunctionAttached = attributes.Number<byte>() == DevlinkProtocol.DEVLINK_PORT_FN_OPSTATE_ATTACHED },
                _ => port,
            };
        }
        return port;
    }

    private static NetlinkException Malformed(string operation) =>
        NetlinkException.Malformed(operation, "the kernel's description is malformed");

    private struct HandleParts
    {
        private string? _bus;
        private string? _name;

        public void Take(in AttributeReader attributes)
        {
            if (attributes.Type == DevlinkProtocol.DEVLINK_ATTR_BUS_NAME)
            {
                _bus = attributes.Text();
            }
            else if (attributes.Type == DevlinkProtocol.DEVLINK_ATTR_DEV_NAME)
            {
                _name = attributes.Text();
            }
        }

        public readonly DevlinkHandle Complete(in AttributeReader attributes, string operation) =>
            attributes.Failed || string.IsNullOrEmpty(_bus) || string.IsNullOrEmpty(_name) ? throw Malformed(operation)
                : new DevlinkHandle(_bus, _name);
    }
}
