using System.Text.Json;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.Devices.Tests.Probe;

internal static class Answers
{
    public static void Write(Utf8JsonWriter writer, DevlinkEswitch eswitch)
    {
        writer.WriteStartObject();
        writer.WriteString("mode", eswitch.Mode.ToString());
        writer.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter writer, DevlinkPort port)
    {
        writer.WriteStartObject();
        writer.WriteString("device", port.Device.ToString());
        writer.WriteNumber("index", port.Index);
        writer.WriteString("flavour", port.Flavour?.ToString());
        writer.WriteString("type", port.Type.ToString());
        writer.WriteString("netdev", port.NetdevName);
        writer.WriteNumber("netdevIndex", port.NetdevIndex);
        Write(writer, "pf", port.PfNumber);
        Write(writer, "vf", port.VfNumber);
        writer.WriteString("mac", port.FunctionMac?.ToString());
        writer.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter writer, PciBus bus, string address)
    {
        writer.WriteStartObject();
        var device = bus.Get(address);
        writer.WriteString("driver", device?.Driver);
        writer.WriteString("id", device is null ? null : $"{device.Vendor:x4}:{device.Device:x4}");
        if (bus.Sriov(address) is { } totals)
        {
            writer.WriteNumber("total", totals.Total);
            writer.WriteNumber("current", totals.Current);
        }
        writer.WriteStartArray("functions");
        foreach (var function in bus.VirtualFunctions(address))
        {
            writer.WriteStartObject();
            writer.WriteNumber("number", function.Number);
            writer.WriteString("address", function.Address);
            writer.WriteString("netdev", function.Netdev);
            writer.WriteString("physical", bus.Get(function.Address)?.PhysicalFunction);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static void WriteVfs(Utf8JsonWriter writer, string name)
    {
        using var links = RouteNetlink.Open();
        writer.WriteStartArray();
        foreach (var vf in links.GetVfs(links.GetLink(name)!.Index))
        {
            writer.WriteStartObject();
            writer.WriteNumber("number", vf.Number);
            writer.WriteString("mac", vf.Mac.ToString());
            Write(writer, "vlan", (ulong?)vf.Vlan);
            Write(writer, "trust", vf.Trust);
            Write(writer, "spoofcheck", vf.SpoofCheck);
            Write(writer, "maxrate", (ulong?)vf.MaxRate);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter writer, string name, ulong? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
        else
        {
            writer.WriteNull(name);
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, bool? value)
    {
        if (value is { } flag)
        {
            writer.WriteBoolean(name, flag);
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
