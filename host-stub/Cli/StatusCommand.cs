using System.Text;
using System.Text.Json;
using ACCOffload.HostStub.Wire;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub status`: the agent's state, as text or JSON. Exit code 1: the ACC can't attach pods; 2: no agent.</summary>
internal static class StatusCommand
{
    public static int Run(string socket, bool json) => AgentQuery.Ask(
        socket, AgentRequestKind.Status, json, Text, root => root.GetProperty("acc").GetProperty("ready").GetBoolean() ? 0 : 1);

    public static string Text(JsonElement root)
    {
        var acc = root.GetProperty("acc");
        var text = new StringBuilder();
        var state = acc.GetProperty("ready").GetBoolean()
            ? "ready"
            : acc.GetProperty("synced").GetBoolean()
            ? "connected, not ready"
            : "unreachable";
        text.Append("ACC          ").Append(acc.GetProperty("address").GetString()).Append("  ").Append(state);
        if (acc.GetProperty("reason").GetString() is { Length: > 0 } reason)
        {
            text.Append(": ").Append(reason);
        }

        text.AppendLine();
        AppendConditions(text, "host         ", root);
        AppendConditions(text, "ACC          ", acc);
        foreach (var failure in acc.GetProperty("syncFailures").EnumerateArray())
        {
            text.Append("not applied  ").AppendLine(failure.GetString());
        }

        if (root.TryGetProperty("hostInterface", out var host))
        {
            var problem = host.GetProperty("failure").GetString() ?? "";
            text.Append("host         ").Append(host.GetProperty("name").GetString())
                .AppendLine(problem.Length == 0 ? "  up" : $"  {problem}");
        }
        foreach (var device in root.GetProperty("unknownDevices").EnumerateArray())
        {
            text.Append("unknown      ").AppendLine(device.GetString());
        }

        foreach (var device in root.GetProperty("setAside").EnumerateArray())
        {
            text.Append("set aside    ").AppendLine(device.GetString());
        }

        text.AppendLine().AppendLine($"{"STATE",-10} {"ADDRESS",-16} {"PORT",-15} {"POD",-32} {"NETWORK",-16} CONTAINER");
        foreach (var item in root.GetProperty("attachments").EnumerateArray())
        {
            AppendAttachment(text, item);
        }

        return text.ToString().TrimEnd();
    }

    private static void AppendConditions(StringBuilder text, string whose, JsonElement holder)
    {
        foreach (var condition in holder.GetProperty("conditions").EnumerateArray().Where(c => !c.GetProperty("ok").GetBoolean()))
        {
            text.Append(whose).Append(condition.GetProperty("name").GetString())
                .Append(condition.GetProperty("preventsAdds").GetBoolean() ? " NOT OK, no pod can be attached: " : " NOT OK: ")
                .AppendLine(condition.GetProperty("reason").GetString());
        }
    }

    private static void AppendAttachment(StringBuilder text, JsonElement item)
    {
        string Get(string key) => item.GetProperty(key).GetString() ?? "";
        var addresses = string.Join(",", item.GetProperty("addresses").EnumerateArray().Select(a => a.GetString()));
        var pod = Get("podName").Length > 0 ? $"{Get("podNamespace")}/{Get("podName")}" : "-";
        text.AppendLine($"{Get("state"),-10} {(addresses.Length > 0 ? addresses : "-"),-16} {Get("port"),-15} {pod,-32} "
            + $"{Get("network"),-16} {Get("containerId")}/{Get("interface")}");
    }
}
