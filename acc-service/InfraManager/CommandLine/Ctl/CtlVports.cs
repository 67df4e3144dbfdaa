using System.Globalization;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The endpoints by port and MAC: what ctl vports shows.</summary>
internal static class CtlVports
{
    public static void Text(TextWriter writer, ListEndpointsReply reply)
    {
        if (reply.Endpoints.Count + reply.Vports.Count + reply.FreePorts.Count == 0)
        {
            writer.WriteLine("no ports");
            return;
        }

        var table = new TextTable("PORT", "NAME", "DEVICE", "MAC", "VSI", "STATE", "ENDPOINTS").Right(0);
        foreach (var vport in ByVport(reply))
        {
            var one = vport.First();
            table.Add(
                one.HasPort ? Number(one.Port) : "-", one.PortName, one.Device, one.Mac, OrDash(one.Vsi), one.PortProblem.Length == 0 ? "ok" : one.PortProblem,
                string.Join(' ', vport.Select(Owner)));
        }

        foreach (var own in reply.Vports)
        {
            table.Add(own.HasPort ? Number(own.Port) : "-", own.Name, own.Use == "subfunction" ? "sf" : "-", OrDash(own.Mac), OrDash(own.Vsi), "-", $"the ACC's own ({own.Use})");
        }

        foreach (var free in reply.FreePorts)
        {
            table.Add("-", free, "tap", "-", "-", "-", "free (Target:Ports)");
        }

        table.WriteTo(writer);
    }

    /// <summary>Whose the endpoint is.</summary>
    public static string Owner(EndpointInfo endpoint) =>
        endpoint.Kind == "host" ? "host" : endpoint.PodName.Length > 0 ? $"{endpoint.PodNamespace}/{endpoint.PodName}" : $"{endpoint.ContainerId}/{endpoint.InterfaceName}";

    public static void Json(Utf8JsonWriter json, ListEndpointsReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("vports");
        foreach (var vport in ByVport(reply))
        {
            var one = vport.First();
            json.WriteStartObject();
            CtlJson.WritePort(json, one.HasPort, one.Port);
            json.WriteString("name", one.PortName);
            json.WriteString("device", one.Device);
            json.WriteString("mac", one.Mac);
            json.WriteString("vsi", one.Vsi);
            json.WriteString("problem", one.PortProblem);
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

    // Children of one ipvlan parent are one vport; functions behind one port are told apart by their MACs.
    private static IEnumerable<IGrouping<(string Port, string Mac), EndpointInfo>> ByVport(ListEndpointsReply reply) =>
        reply.Endpoints.OrderBy(e => e.Port).ThenBy(e => e.PortName, StringComparer.Ordinal).ThenBy(e => e.Mac, StringComparer.Ordinal).GroupBy(e => (e.PortName, e.Mac));

    private static string Number(uint number) => number.ToString(CultureInfo.InvariantCulture);

    private static string OrDash(string text) => text.Length == 0 ? "-" : text;
}
