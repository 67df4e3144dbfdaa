using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <content>Requests.</content>
public sealed partial class DevlinkClient
{
    /// <summary>All devices.</summary>
    public IReadOnlyList<DevlinkHandle> GetDevices()
    {
        const string Operation = "list devlink devices";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_GET);
        return _genetlink.Connection.Dump<DevlinkHandle>(writer.Complete(Operation), Operation, DevlinkCodec.ParseDevice);
    }

    /// <summary>The mode of a device's embedded switch.</summary>
    /// <exception cref="NetlinkException">The device has no switch (EOPNOTSUPP), …</exception>
    public DevlinkEswitch GetEswitch(DevlinkHandle device)
    {
        var operation = $"read the switch mode of devlink device {device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_ESWITCH_GET, device);
        return Query<DevlinkEswitch>(writer.Complete(operation), operation, DevlinkCodec.ParseEswitch);
    }

    /// <summary>
    /// Sets the mode of a device's embedded switch. The driver recreates its netdevs, which takes seconds; existing functions may prevent
    /// the change.
    /// </summary>
    /// <exception cref="NetlinkException">
    /// The driver does not support it (EOPNOTSUPP), existing functions prevent it (EBUSY, EINVAL), …
    /// </exception>
    public void SetEswitchMode(DevlinkHandle device, DevlinkEswitchMode mode)
    {
        var name = mode == DevlinkEswitchMode.Switchdev ? "switchdev" : "legacy";
        var operation = $"set the switch mode of devlink device {device} to {name}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_ESWITCH_SET, device);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_ESWITCH_MODE, (ushort)mode);
        _genetlink.Connection.Execute(writer.Complete(operation), operation);
    }

    /// <summary>Ports of one device, or of all devices, in every flavour.</summary>
    public IReadOnlyList<DevlinkPort> GetPorts(DevlinkHandle? device = null)
    {
        var operation = device is null ? "list devlink ports" : $"list ports of devlink device {device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_PORT_GET);
        // Don't send the handle: only kernels since 6.6 filter by it.
        return _genetlink.Connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out DevlinkPort port) =>
            DevlinkCodec.ParsePort(message, out port) && (device is null || port.Device == device));
    }

    /// <summary>Finds a port.</summary>
    /// <returns>Null if the port or the device does not exist.</returns>
    public DevlinkPort? GetPort(DevlinkHandle device, uint index)
    {
        var operation = $"find devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_PORT_GET, device);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_INDEX, index);
        return Find<DevlinkPort>(writer.Complete(operation), operation, Errno.ENODEV, DevlinkCodec.ParsePort);
    }

    /// <summary>Creates a subfunction, inactive and without an address.</summary>
    /// <returns>Its port.</returns>
    /// <exception cref="NetlinkException">
    /// The device does not support subfunctions in this switch mode (EOPNOTSUPP), the number is taken (EEXIST), none is left (ENOSPC), …
    /// </exception>
    public DevlinkPort CreateSubfunction(SubfunctionSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var wanted = spec.SfNumber is { } sf ? $"{sf} " : "";
        var operation = $"create subfunction {wanted}of PF {spec.PfNumber} on devlink device {spec.Device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_PORT_NEW, spec.Device);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_FLAVOUR, (ushort)DevlinkPortFlavour.PciSf);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_PCI_PF_NUMBER, spec.PfNumber);
        if (spec.SfNumber is { } number)
        {
            writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_PCI_SF_NUMBER, number);
        }

        if (spec.Controller is { } controller)
        {
            writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_CONTROLLER_NUMBER, controller);
        }

        return Query<DevlinkPort>(writer.Complete(operation), operation, DevlinkCodec.ParsePort);
    }

    /// <summary>
    /// Deletes a port, its function and the function's netdev in any namespace. The removal may still be in progress when this returns.
    /// </summary>
    /// <returns>False if there was none.</returns>
    /// <exception cref="NetlinkException">The port can't be deleted (EOPNOTSUPP), …</exception>
    public bool DeletePort(DevlinkHandle device, uint index)
    {
        var operation = $"delete devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_PORT_DEL, device);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_INDEX, index);
        return _genetlink.Connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    /// <summary>Changes the function behind a port.</summary>
    /// <exception cref="NetlinkException">
    /// There is no such port (ENODEV), the driver does not support the change (EOPNOTSUPP), the function is active, so its address can't
    /// change (EBUSY), …
    /// </exception>
    public void SetFunction(DevlinkHandle device, uint index, FunctionChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (change.Mac is null && change.Active is null)
        {
            throw new ArgumentException("no change was given", nameof(change));
        }

        var verb = change.Active switch { true => "activate", false => "deactivate", null => $"set the address {change.Mac} of" };
        var operation = $"{verb} the function of devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.DEVLINK_CMD_PORT_SET, device);
        writer.Number(DevlinkProtocol.DEVLINK_ATTR_PORT_INDEX, index);
        var function = writer.BeginNested(DevlinkProtocol.DEVLINK_ATTR_PORT_FUNCTION);
        if (change.Mac is { } mac)
        {
            writer.Mac(DevlinkProtocol.DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR, mac);
        }

        if (change.Active is { } active)
        {
            writer.Number(DevlinkProtocol.DEVLINK_PORT_FN_ATTR_STATE, active ? DevlinkProtocol.DEVLINK_PORT_FN_STATE_ACTIVE : (byte)0);
        }

        writer.End(function);
        _genetlink.Connection.Execute(writer.Complete(operation), operation);
    }

    private MessageWriter Begin(Span<byte> buffer, byte command)
    {
        var writer = new MessageWriter(buffer, _family.Id, 0);
        writer.Body(new GenetlinkCodec.Header { Command = command, Version = DevlinkProtocol.DEVLINK_GENL_VERSION });
        return writer;
    }

    private MessageWriter Begin(Span<byte> buffer, byte command, DevlinkHandle device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var writer = Begin(buffer, command);
        writer.Text(DevlinkProtocol.DEVLINK_ATTR_BUS_NAME, device.Bus);
        writer.Text(DevlinkProtocol.DEVLINK_ATTR_DEV_NAME, device.Name);
        return writer;
    }

    private T Query<T>(Span<byte> request, string operation, MessageParser<T> parse)
        where T : class
    {
        T? answer = null;
        _genetlink.Connection.Execute(
            request, operation, (in NetlinkMessage message) => answer = parse(message, out var value) ? value : answer);
        return answer ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged the request but sent no answer");
    }

    private T? Find<T>(Span<byte> request, string operation, Errno absent, MessageParser<T> parse)
        where T : class
    {
        try
        {
            return Query(request, operation, parse);
        }
        catch (NetlinkException e) when (e.Errno == absent)
        {
            return null;
        }
    }
}
