using System.Text.Json;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl shares: the ports' shares of the learned tables.</summary>
internal static class CtlShares
{
    // The target resets a count only with a new flow, so a count may be outdated.
    private static readonly string Note =
        $"A count is reset by the first new flow after its period ({Periods()}), or by the first flow of a new pod at the port; "
        + "until then the old count is shown.";

    public static void Text(TextWriter writer, ListSharesReply reply)
    {
        if (reply.Problem.Length > 0)
        {
            writer.WriteLine(reply.Problem);
            return;
        }
        if (reply.Ports.Count == 0)
        {
            writer.WriteLine("no ports");
            return;
        }

        var kinds = ShareKind.All.Select(k => k.Name).ToList();
        var table = new TextTable(["PORT", "NAME", .. kinds.Select(k => k.ToUpperInvariant()), "ENDPOINTS"]).AlignRight(
            [0, .. Enumerable.Range(2, kinds.Count)]);
        foreach (var port in reply.Ports)
        {
            var first = port.Endpoints[0];
            table.Add([
                first.HasPort ? CtlText.Number(first.Port) : "-",
                first.PortName,
                .. kinds.Select(
                    k => port.Shares.FirstOrDefault(s => s.Kind == k) is { } share
                        ? $"{CtlText.Number(share.Count)}/{CtlText.Number(share.Limit)}"
                        : "-"),
                string.Join(' ', port.Endpoints.Select(CtlVports.Owner))]);
        }
        table.WriteTo(writer);
        writer.WriteLine(Note);
    }

    public static void Json(Utf8JsonWriter json, ListSharesReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("ports");
        foreach (var port in reply.Ports)
        {
            var first = port.Endpoints[0];
            json.WriteStartObject();
            CtlJson.WritePort(json, first.HasPort, first.Port);
            json.WriteString("name", first.PortName);
            json.WriteStartArray("endpoints");
            foreach (var endpoint in port.Endpoints)
            {
                json.WriteStringValue(CtlVports.Owner(endpoint));
            }

            json.WriteEndArray();
            json.WriteStartArray("shares");
            foreach (var share in port.Shares)
            {
                json.WriteStartObject();
                json.WriteString("kind", share.Kind);
                json.WriteNumber("count", share.Count);
                json.WriteNumber("limit", share.Limit);
                json.WriteNumber("period", share.Period);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("problem", reply.Problem);
        json.WriteEndObject();
    }

    private static string Periods() => string.Join(", ", ShareKind.All.Select(k => $"{k.Name} {Span(k.Period)}"));

    private static string Span(uint seconds) => seconds % 3600 == 0 ? $"{seconds / 3600} h" : $"{seconds} s";
}
