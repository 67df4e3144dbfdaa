using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Devlink;

/// <content>Requests.</content>
public sealed partial class DevlinkClient
{
    public partial IReadOnlyList<DevlinkHandle> GetDevices()
    {
        const string Operation = "list devlink devices";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.Get);
        return _genetlink.Connection.Dump<DevlinkHandle>(writer.Complete(Operation), Operation, DevlinkCodec.ParseDevice);
    }

    public partial DevlinkInfo GetInfo(DevlinkHandle device)
    {
        var operation = $"read the information of devlink device {device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.InfoGet, device);
        return Ask<DevlinkInfo>(writer.Complete(operation), operation, DevlinkCodec.ParseInfo);
    }

    public partial DevlinkEswitch GetEswitch(DevlinkHandle device)
    {
        var operation = $"read the switch mode of devlink device {device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.EswitchGet, device);
        return Ask<DevlinkEswitch>(writer.Complete(operation), operation, DevlinkCodec.ParseEswitch);
    }

    public partial void SetEswitchMode(DevlinkHandle device, DevlinkEswitchMode mode)
    {
        var operation = $"set the switch mode of devlink device {device} to {(mode == DevlinkEswitchMode.Switchdev ? "switchdev" : "legacy")}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.EswitchSet, device);
        writer.Number(DevlinkProtocol.EswitchMode, (ushort)mode);
        _genetlink.Connection.Execute(writer.Complete(operation), operation);
    }

    public partial IReadOnlyList<DevlinkPort> GetPorts(DevlinkHandle? device)
    {
        var operation = device is null ? "list devlink ports" : $"list ports of devlink device {device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.PortGet);
        // The handle is left out: only kernels since 6.6 would filter by it.
        return _genetlink.Connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out DevlinkPort port) =>
            DevlinkCodec.ParsePort(message, out port) && (device is null || port.Device == device));
    }

    public partial DevlinkPort? GetPort(DevlinkHandle device, uint index)
    {
        var operation = $"find devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.PortGet, device);
        writer.Number(DevlinkProtocol.PortIndex, index);
        return Find<DevlinkPort>(writer.Complete(operation), operation, Errno.ENODEV, DevlinkCodec.ParsePort);
    }

    public partial DevlinkPort CreateSubfunction(SubfunctionSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var operation = $"create subfunction {(spec.SfNumber is { } wanted ? $"{wanted} " : "")}of PF {spec.PfNumber} on devlink device {spec.Device}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.PortNew, spec.Device);
        writer.Number(DevlinkProtocol.PortFlavour, (ushort)DevlinkPortFlavour.PciSf);
        writer.Number(DevlinkProtocol.PortPfNumber, spec.PfNumber);
        if (spec.SfNumber is { } number)
        {
            writer.Number(DevlinkProtocol.PortSfNumber, number);
        }

        if (spec.Controller is { } controller)
        {
            writer.Number(DevlinkProtocol.PortController, controller);
        }

        return Ask<DevlinkPort>(writer.Complete(operation), operation, DevlinkCodec.ParsePort);
    }

    public partial bool DeletePort(DevlinkHandle device, uint index)
    {
        var operation = $"delete devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.PortDelete, device);
        writer.Number(DevlinkProtocol.PortIndex, index);
        return _genetlink.Connection.TryExecute(writer.Complete(operation), operation, Errno.ENODEV);
    }

    public partial void SetFunction(DevlinkHandle device, uint index, FunctionChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (change.Mac is null && change.Active is null)
        {
            throw new ArgumentException("nothing is to be changed", nameof(change));
        }

        var operation = $"{(change.Active switch { true => "activate", false => "deactivate", null => $"set the address {change.Mac} of" })} the function of devlink port {device}/{index}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.PortSet, device);
        writer.Number(DevlinkProtocol.PortIndex, index);
        var function = writer.BeginNested(DevlinkProtocol.PortFunction);
        if (change.Mac is { } mac)
        {
            writer.Mac(DevlinkProtocol.FunctionHardwareAddress, mac);
        }

        if (change.Active is { } active)
        {
            writer.Number(DevlinkProtocol.FunctionState, active ? DevlinkProtocol.Active : (byte)0);
        }

        writer.End(function);
        _genetlink.Connection.Execute(writer.Complete(operation), operation);
    }

    public partial DevlinkRate? GetRate(DevlinkHandle device, uint portIndex)
    {
        var operation = $"read the rate of devlink port {device}/{portIndex}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.RateGet, device);
        writer.Number(DevlinkProtocol.PortIndex, portIndex);
        return Find<DevlinkRate>(writer.Complete(operation), operation, Errno.ENODEV, DevlinkCodec.ParseRate);
    }

    public partial void SetRate(DevlinkHandle device, uint portIndex, DevlinkRate rate)
    {
        ArgumentNullException.ThrowIfNull(rate);
        var operation = $"limit the rate of devlink port {device}/{portIndex}";
        var writer = Begin(stackalloc byte[MessageWriter.BufferLength], DevlinkProtocol.RateSet, device);
        writer.Number(DevlinkProtocol.PortIndex, portIndex);
        if (rate.TxShare is { } share)
        {
            writer.Number(DevlinkProtocol.RateTxShare, share);
        }

        if (rate.TxMax is { } max)
        {
            writer.Number(DevlinkProtocol.RateTxMax, max);
        }

        _genetlink.Connection.Execute(writer.Complete(operation), operation);
    }

    private MessageWriter Begin(Span<byte> buffer, byte command)
    {
        var writer = new MessageWriter(buffer, _family.Id, 0);
        writer.Body(new GenetlinkCodec.Header { Command = command, Version = DevlinkProtocol.Version });
        return writer;
    }

    private MessageWriter Begin(Span<byte> buffer, byte command, DevlinkHandle device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var writer = Begin(buffer, command);
        writer.Text(DevlinkProtocol.BusName, device.Bus);
        writer.Text(DevlinkProtocol.DeviceName, device.Name);
        return writer;
    }

    private T Ask<T>(Span<byte> request, string operation, MessageParser<T> parse)
        where T : class
    {
        T? answer = null;
        _genetlink.Connection.Execute(request, operation, (in NetlinkMessage message) => answer = parse(message, out var value) ? value : answer);
        return answer ?? throw NetlinkException.Malformed(operation, "the kernel acknowledged without an answer");
    }

    private T? Find<T>(Span<byte> request, string operation, Errno absent, MessageParser<T> parse)
        where T : class
    {
        try
        {
            return Ask(request, operation, parse);
        }
        catch (NetlinkException e) when (e.Errno == absent)
        {
            return null;
        }
    }
}
