using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl services.</summary>
internal static class CtlServices
{
    public static void Text(TextWriter writer, ListServicesReply reply)
    {
        if (reply.Services.Count == 0)
        {
            writer.WriteLine("no services");
        }

        foreach (var service in reply.Services)
        {
            writer.WriteLine($"{service.Namespace}/{service.Name}: {service.State}");
            foreach (var port in service.Ports)
            {
                var name = port.Name.Length == 0 ? "" : $" {port.Name}";
                var affinity = port.Affinity == 0 ? "" : $", affinity {port.AffinityKept} s";
                writer.WriteLine($"  port {port.Port}/{port.Protocol}{name}{affinity}");
                var table = new TextTable("", "", "", "", "PACKETS").AlignRight(4);
                foreach (var f in port.Frontends)
                {
                    table.Add("frontend", $"{f.Address}:{f.Port}", f.Retired ? "retired" : f.Kind, Targets(f), CtlText.Number(f.Packets));
                }

                foreach (var b in port.Backends)
                {
                    var state = b.Draining ? $"{b.Condition}, draining" : Shares(b);
                    table.Add("backend", $"{b.Address}:{b.Port}", b.Place, state, CtlText.Number(b.Packets));
                }

                table.WriteTo(writer, "    ");
            }
            foreach (var problem in service.Problems)
            {
                writer.WriteLine($"  ! {problem.Subject}: {problem.Reason}");
            }
        }
        if (reply.CountersProblem.Length > 0)
        {
            writer.WriteLine($"packet counts are not available: {reply.CountersProblem}");
        }
    }

    public static void Json(Utf8JsonWriter json, ListServicesReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("services");
        foreach (var service in reply.Services)
        {
            json.WriteStartObject();
            json.WriteString("namespace", service.Namespace);
            json.WriteString("name", service.Name);
            json.WriteString("state", service.State);
            json.WriteStartArray("ports");
            foreach (var port in service.Ports)
            {
                Port(json, port);
            }

            json.WriteEndArray();
            Problems(json, "problems", service.Problems);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("countersProblem", reply.CountersProblem);
        json.WriteEndObject();
    }

    public static void Problems(Utf8JsonWriter json, string name, IEnumerable<ServiceProblem> problems)
    {
        json.WriteStartArray(name);
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("subject", problem.Subject);
            json.WriteString("reason", problem.Reason);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Port(Utf8JsonWriter json, ServicePortInfo port)
    {
        json.WriteStartObject();
        json.WriteString("name", port.Name);
        json.WriteString("protocol", port.Protocol);
        json.WriteNumber("port", port.Port);
        json.WriteNumber("affinity", port.Affinity);
        json.WriteNumber("affinityKept", port.AffinityKept);
        json.WriteStartArray("frontends");
        foreach (var f in port.Frontends)
        {
            json.WriteStartObject();
            json.WriteString("address", f.Address);
            json.WriteNumber("port", f.Port);
            json.WriteString("kind", f.Kind);
            json.WriteString("inside", f.Inside);
            json.WriteString("outside", f.Outside);
            json.WriteBoolean("retired", f.Retired);
            json.WriteStartArray("sourceRanges");
            foreach (var range in f.SourceRanges)
            {
                json.WriteStringValue(range);
            }

            json.WriteEndArray();
            json.WriteBoolean("closed", f.Closed);
            json.WriteNumber("packets", f.Packets);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("backends");
        foreach (var b in port.Backends)
        {
            json.WriteStartObject();
            json.WriteString("address", b.Address);
            json.WriteNumber("port", b.Port);
            json.WriteString("place", b.Place);
            json.WriteString("condition", b.Condition);
            json.WriteBoolean("draining", b.Draining);
            json.WriteNumber("id", b.Id);
            json.WriteNumber("buckets", b.Buckets);
            json.WriteNumber("localBuckets", b.LocalBuckets);
            json.WriteNumber("packets", b.Packets);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Targets(FrontendInfo f)
    {
        var ranges =
            f.Closed ? " (closed: no source allowed)" : f.SourceRanges.Count == 0 ? "" : $" from {string.Join(", ", f.SourceRanges)}";
        return (f.Inside == f.Outside ? f.Inside : $"inside {f.Inside}, outside {f.Outside}") + ranges;
    }

    private static string Shares(BackendInfo b)
    {
        var all = b.Buckets + b.LocalBuckets == 0 ? b.Condition : $"{b.Condition}, {b.Buckets} {(b.Buckets == 1 ? "bucket" : "buckets")}";
        return b.LocalBuckets == 0 ? all : $"{all}, {b.LocalBuckets} local";
    }
}
