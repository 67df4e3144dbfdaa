using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl vports: the endpoints grouped by port and MAC, the ACC's own vports, and the free ports.</summary>
internal static class CtlVports
{
    public static void Text(TextWriter writer, ListEndpointsReply reply)
    {
        if (reply.Endpoints.Count + reply.Vports.Count + reply.FreePorts.Count == 0)
        {
            writer.WriteLine("no ports");
            return;
        }

        var table = new TextTable("PORT", "NAME", "DEVICE", "MAC", "VSI", "STATE", "ENDPOINTS").AlignRight(0);
        foreach (var vport in ByVport(reply))
        {
            var first = vport.First();
            table.Add(
                first.HasPort ? CtlText.Number(first.Port) : "-",
                first.PortName,
                first.Device,
                first.Mac,
                OrDash(first.Vsi),
                first.PortProblem.Length == 0 ? "ok" : first.PortProblem,
                string.Join(' ', vport.Select(Owner)));
        }

        foreach (var own in reply.Vports)
        {
            table.Add(
                own.HasPort ? CtlText.Number(own.Port) : "-",
                own.Name,
                own.Use == "subfunction" ? "sf" : "-",
                OrDash(own.Mac),
                OrDash(own.Vsi),
                "-",
                $"the ACC's own ({own.Use})");
        }

        foreach (var free in reply.FreePorts)
        {
            table.Add("-", free, "tap", "-", "-", "-", "free (Target:Ports)");
        }

        table.WriteTo(writer);
    }

    /// <summary>The owner of an endpoint for display.</summary>
    public static string Owner(EndpointInfo endpoint) => endpoint switch
    {
        { Kind: "host" } => "host",
        { PodName.Length: > 0 } => $"{endpoint.PodNamespace}/{endpoint.PodName}",
        _ => $"{endpoint.ContainerId}/{endpoint.InterfaceName}",
    };

    public static void Json(Utf8JsonWriter json, ListEndpointsReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("vports");
        foreach (var vport in ByVport(reply))
        {
            var first = vport.First();
            json.WriteStartObject();
            CtlJson.WritePort(json, first.HasPort, first.Port);
            json.WriteString("name", first.PortName);
            json.WriteString("device", first.Device);
            json.WriteString("mac", first.Mac);
            json.WriteString("vsi", first.Vsi);
            json.WriteString("problem", first.PortProblem);
            json.WriteStartArray("endpoints");
            foreach (var endpoint in vport)
            {
                json.WriteStringValue(Owner(endpoint));
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("own");
        foreach (var own in reply.Vports)
        {
            json.WriteStartObject();
            CtlJson.WritePort(json, own.HasPort, own.Port);
            json.WriteString("name", own.Name);
            json.WriteString("mac", own.Mac);
            json.WriteString("vsi", own.Vsi);
            json.WriteString("use", own.Use);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("free");
        foreach (var free in reply.FreePorts)
        {
            json.WriteStringValue(free);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // The ipvlan children of one parent share a vport; functions behind one port differ in their MAC.
    private static IEnumerable<IGrouping<(string Port, string Mac), EndpointInfo>> ByVport(ListEndpointsReply reply) =>
        reply.Endpoints.OrderBy(e => e.Port).ThenBy(e => e.PortName, StringComparer.Ordinal).ThenBy(e => e.Mac, StringComparer.Ordinal)
            .GroupBy(e => (e.PortName, e.Mac));

    private static string OrDash(string text) => text.Length == 0 ? "-" : text;
}
