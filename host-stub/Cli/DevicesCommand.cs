using System.Text;
using System.Text.Json;

namespace ACCOffload.HostStub.Cli;

/// <summary>
/// `host-stub devices`: the device pools and which attachment has which device, as text or JSON. Exit code 1: a device is set aside; 2: no
/// agent.
/// </summary>
internal static class DevicesCommand
{
    public static int Run(string socket, bool json) => AgentQuery.Ask(socket, Wire.AgentRequestKind.Devices, json, Text, root =>
        root.GetProperty("pools").EnumerateArray().Any(p => p.GetProperty("setAside").GetArrayLength() > 0) ? 1 : 0);

    public static string Text(JsonElement root)
    {
        var text = new StringBuilder();
        text.AppendLine($"{"KIND",-8} {"IN USE",6} {"LIMIT",6} {"FREE",6} {"SET ASIDE",9}");
        foreach (var pool in root.GetProperty("pools").EnumerateArray())
        {
            int free = pool.GetProperty("free").GetArrayLength(), setAside = pool.GetProperty("setAside").GetArrayLength();
            text.AppendLine($"{Get(pool, "kind"),-8} {pool.GetProperty("inUse").GetInt32(),6} {pool.GetProperty("limit").GetInt32(),6} "
                + $"{(free > 0 ? free : "-"),6} {setAside,9}");
        }
        foreach (var device in root.GetProperty("pools").EnumerateArray().SelectMany(p => p.GetProperty("setAside").EnumerateArray()))
        {
            text.AppendLine().Append($"set aside {Get(device, "device")} until {Get(device, "until")}: {Get(device, "reason")}");
        }

        text.AppendLine().AppendLine($"{"KIND",-8} {"DEVICE",-16} {"PORT",-15} {"MAC",-17} {"STATE",-10} ATTACHMENT");
        foreach (var item in root.GetProperty("devices").EnumerateArray())
        {
            var device = Get(item, "device");
            text.AppendLine($"{Get(item, "kind"),-8} {(device.Length > 0 ? device : "-"),-16} {Get(item, "port"),-15} "
                + $"{Get(item, "mac"),-17} {Get(item, "state"),-10} {Get(item, "attachment")}");
        }
        return text.ToString().TrimEnd();
    }

    private static string Get(JsonElement item, string key) => item.GetProperty(key).GetString() ?? "";
}
