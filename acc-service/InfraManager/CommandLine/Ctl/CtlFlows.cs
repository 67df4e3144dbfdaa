using System.Globalization;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl flows.</summary>
internal static class CtlFlows
{
    private const string Icmp = "ICMP";

    public static void Text(TextWriter writer, ListFlowsReply reply)
    {
        if (reply.Flows.Count == 0)
        {
            writer.WriteLine("no flows");
            return;
        }

        var table = new TextTable("PROTO", "CLIENT", "ASKED", "BACKEND", "SEEN AS", "STATE", "EXPIRES").AlignRight(6);
        foreach (var flow in reply.Flows)
        {
            table.Add(
                flow.Protocol,
                Client(flow),
                flow.Asked is null ? "-" : $"{End(flow.Asked)} ({flow.Service})",
                Named(flow.Backend),
                flow.Masqueraded is null ? "-" : Identified(flow, flow.Masqueraded),
                flow.State.Length == 0 ? "-" : flow.State,
                Span(flow.Expires));
        }

        table.WriteTo(writer);
        if (reply.LeftOut > 0)
        {
            writer.WriteLine(reply.LeftOut == 1 ? "1 more flow is not shown" : $"{CtlText.Number(reply.LeftOut)} more flows are not shown");
        }
    }

    public static void Json(Utf8JsonWriter json, ListFlowsReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("flows");
        foreach (var flow in reply.Flows)
        {
            Write(json, flow);
        }

        json.WriteEndArray();
        json.WriteNumber("leftOut", reply.LeftOut);
        json.WriteEndObject();
    }

    /// <summary>One flow in one line.</summary>
    public static string Line(FlowInfo flow)
    {
        var asked = flow.Asked is null ? "" : $", through {flow.Service} ({End(flow.Asked)})";
        return $"{flow.Protocol} {Client(flow)} to {Named(flow.Backend)}{asked}"
            + (flow.State.Length == 0 ? "" : $", {flow.State}");
    }

    public static void Write(Utf8JsonWriter json, FlowInfo flow)
    {
        json.WriteStartObject();
        json.WriteString("protocol", flow.Protocol);
        Write(json, "client", flow.Client);
        Write(json, "asked", flow.Asked);
        json.WriteString("service", flow.Service);
        Write(json, "backend", flow.Backend);
        Write(json, "masqueraded", flow.Masqueraded);
        json.WriteString("state", flow.State);
        json.WriteNumber("expires", Math.Round(flow.Expires, 3));
        json.WriteNumber("idle", Math.Round(flow.Idle, 3));
        json.WriteBoolean("fromOutside", flow.FromOutside);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, FlowEndInfo? end)
    {
        if (end is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteString("address", end.Address);
        json.WriteNumber("port", end.Port);
        json.WriteString("name", end.Name);
        json.WriteEndObject();
    }

    private static string Client(FlowInfo flow) =>
        Identified(flow, flow.Client) + (flow.Client.Name.Length == 0 ? "" : $" ({flow.Client.Name})");

    /// <summary>An ICMP echo has an identifier in place of the client's port.</summary>
    private static string Identified(FlowInfo flow, FlowEndInfo end) =>
        flow.Protocol == Icmp ? $"{end.Address} id {CtlText.Number(end.Port)}" : End(end);

    private static string Named(FlowEndInfo end) => End(end) + (end.Name.Length == 0 ? "" : $" ({end.Name})");

    private static string End(FlowEndInfo end) => end.Port == 0 ? end.Address
        : end.Address.Contains(':', StringComparison.Ordinal) ? $"[{end.Address}]:{CtlText.Number(end.Port)}"
        : $"{end.Address}:{CtlText.Number(end.Port)}";

    /// <summary>A time in its two largest units.</summary>
    private static string Span(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Floor(seconds));
        return time switch
        {
            { TotalHours: >= 1 } => $"{Number((int)time.TotalHours)} h {Number(time.Minutes)} min",
            { TotalMinutes: >= 1 } => $"{Number(time.Minutes)} min {Number(time.Seconds)} s",
            _ => $"{Number(time.Seconds)} s",
        };
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
