using System.Globalization;
using System.Text.Json;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.Devices.Tests.Probe;

internal static class Requests
{
    public static void Run(string[] arguments, Utf8JsonWriter writer)
    {
        using var devlink = DevlinkClient.Open();
        switch (arguments)
        {
            case ["devices"]:
                writer.WriteStartArray();
                foreach (var device in devlink.GetDevices())
                {
                    writer.WriteStringValue(device.ToString());
                }

                writer.WriteEndArray();
                break;
            case ["ports", .. var device]:
                writer.WriteStartArray();
                foreach (var port in devlink.GetPorts(device.Length > 0 ? Handle(device[0]) : null))
                {
                    Answers.Write(writer, port);
                }

                writer.WriteEndArray();
                break;
            case ["port", var device, var index]:
                if (devlink.GetPort(Handle(device), Number(index)) is { } found)
                {
                    Answers.Write(writer, found);
                }
                else
                {
                    writer.WriteNullValue();
                }

                break;
            case ["eswitch", var device]:
                Answers.Write(writer, devlink.GetEswitch(Handle(device)));
                break;
            case ["eswitch", var device, var mode]:
                devlink.SetEswitchMode(Handle(device), mode == "switchdev" ? DevlinkEswitchMode.Switchdev : DevlinkEswitchMode.Legacy);
                Answers.Write(writer, devlink.GetEswitch(Handle(device)));
                break;
            case ["mac", var device, var index, var mac]:
                devlink.SetFunction(Handle(device), Number(index), new FunctionChange { Mac = MacAddress.Parse(mac) });
                Answers.Write(writer, devlink.GetPort(Handle(device), Number(index))!);
                break;
            case ["subfunction", var device, var pf, var number]:
                Answers.Write(writer,
                    devlink.CreateSubfunction(new SubfunctionSpec
                    {
                        Device = Handle(device),
                        PfNumber = (ushort)Number(pf),
                        SfNumber = Number(number)
                    }));
                break;
            case ["activate", var device, var index]:
                Answers.Write(writer, devlink.ActivateSubfunction(Handle(device), Number(index), TimeSpan.FromSeconds(5)).Port);
                break;
            case ["delete", var device, var index]:
                writer.WriteBooleanValue(devlink.DeletePort(Handle(device), Number(index)));
                break;
            case ["sriov", var address]:
                Answers.Write(writer, new PciBus(), address);
                break;
            case ["vfs", var name]:
                Answers.WriteVfs(writer, name);
                break;
            case ["vf", var name, var number, .. var changes]:
                Set(name, (int)Number(number), changes);
                Answers.WriteVfs(writer, name);
                break;
            default:
                throw new ArgumentException($"unknown request: {string.Join(' ', arguments)}");
        }
    }

    private static void Set(string name, int number, string[] changes)
    {
        var change = new VfChange();
        foreach (var (key, value) in changes.Select(c => c.Split('=')).Select(c => (c[0], c[1])))
        {
            change = key switch
            {
                "mac" => change with { Mac = MacAddress.Parse(value) },
                "vlan" => change with { Vlan = (int)Number(value) },
                "trust" => change with { Trust = bool.Parse(value) },
                "spoofcheck" => change with { SpoofCheck = bool.Parse(value) },
                "maxrate" => change with { MaxRate = (int)Number(value) },
                _ => throw new ArgumentException($"unknown setting: {key}"),
            };
        }
        using var links = RouteNetlink.Open();
        links.SetVf(links.GetLink(name)!.Index, number, change);
    }

    private static DevlinkHandle Handle(string text) =>
        DevlinkHandle.TryParse(text, out var handle) ? handle : throw new ArgumentException($"invalid devlink handle: {text}");

    private static uint Number(string text) => uint.Parse(text, CultureInfo.InvariantCulture);
}
