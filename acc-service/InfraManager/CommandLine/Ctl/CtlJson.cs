using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>
/// JSON output of ctl. Names are those of control.proto in camel case; no field is omitted; a missing label, port or watch is null.
/// </summary>
internal static class CtlJson
{
    public static void Write(TextWriter writer, Action<Utf8JsonWriter> body)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            body(json);
        }

        writer.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    public static void Status(Utf8JsonWriter json, GetStatusReply status)
    {
        json.WriteStartObject();
        json.WriteString("version", status.Version);
        json.WriteString("node", status.Node);
        json.WriteBoolean("ready", status.Ready);
        json.WriteBoolean("canAttach", status.CanAttach);
        json.WriteStartArray("conditions");
        foreach (var condition in status.Conditions)
        {
            json.WriteStartObject();
            json.WriteString("name", condition.Name);
            json.WriteBoolean("ok", condition.Ok);
            json.WriteString("reason", condition.Reason);
            json.WriteBoolean("preventsAdds", condition.PreventsAdds);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        List(json, "notices", status.Notices);
        json.WriteString("target", status.Target);
        json.WriteString("targetState", status.TargetState);
        json.WriteString("targetReason", status.TargetReason);
        json.WriteString("pipeline", status.Pipeline);
        // A string, because JSON numbers cannot represent all 64 bits.
        json.WriteString("cookie", $"{status.Cookie:x16}");
        json.WriteString("gateway", status.Gateway);
        json.WriteString("gatewayMac", status.GatewayMac);
        json.WriteNumber("endpoints", status.Endpoints);
        json.WriteNumber("tableEntries", status.TableEntries);
        json.WriteNumber("pendingEntries", status.PendingEntries);
        json.WriteNumber("queueLength", status.QueueLength);
        json.WriteNumber("writesSent", status.WritesSent);
        json.WriteNumber("updatesSent", status.UpdatesSent);
        json.WriteNumber("commits", status.Commits);
        json.WriteNumber("uptime", status.Uptime);
        json.WriteBoolean("reconciled", status.Reconciled);
        json.WriteNumber("reconcileInserted", status.ReconcileInserted);
        json.WriteNumber("reconcileModified", status.ReconcileModified);
        json.WriteNumber("reconcileDeleted", status.ReconcileDeleted);
        json.WriteString("storeProblem", status.StoreProblem);
        json.WriteNumber("services", status.Services);
        json.WriteString("servicesSource", status.ServicesSource);
        json.WriteString("arpProxy", status.ArpProxy);
        json.WriteString("agent", status.Agent);
        json.WriteNumber("agentEpoch", status.AgentEpoch);
        json.WriteString("agentRivals", status.AgentRivals);
        List(json, "nodeAddresses", status.NodeAddresses);
        List(json, "podRanges", status.PodRanges);
        List(json, "serviceRanges", status.ServiceRanges);
        if (status.Watch is null)
        {
            json.WriteNull("watch");
        }
        else
        {
            Watch(json, status.Watch);
        }

        json.WriteEndObject();
    }

    public static void List(Utf8JsonWriter json, string name, IEnumerable<string> items)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStringValue(item);
        }

        json.WriteEndArray();
    }

    private static void Watch(Utf8JsonWriter json, WatchStatus watch)
    {
        json.WriteStartObject("watch");
        json.WriteString("server", watch.Server);
        json.WriteBoolean("synced", watch.Synced);
        json.WriteNumber("pending", watch.Pending);
        json.WriteNumber("handedOver", watch.HandedOver);
        json.WriteString("waiting", watch.Waiting);
        CtlServices.Problems(json, "refused", watch.Refused);
        json.WriteStartArray("kinds");
        foreach (var kind in watch.Kinds)
        {
            json.WriteStartObject();
            json.WriteString("kind", kind.Kind);
            json.WriteString("phase", kind.Phase);
            json.WriteBoolean("synced", kind.Synced);
            json.WriteNumber("objects", kind.Objects);
            json.WriteString("resourceVersion", kind.ResourceVersion);
            json.WriteNumber("lastList", kind.LastList);
            json.WriteNumber("lastEvent", kind.LastEvent);
            json.WriteNumber("events", kind.Events);
            json.WriteNumber("relists", kind.Relists);
            json.WriteNumber("errors", kind.Errors);
            json.WriteString("lastError", kind.LastError);
            json.WriteNumber("lastErrorTime", kind.LastErrorTime);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Endpoints(Utf8JsonWriter json, ListEndpointsReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("endpoints");
        foreach (var e in reply.Endpoints)
        {
            json.WriteStartObject();
            json.WriteString("node", e.Node);
            json.WriteString("api", e.Api);
            json.WriteString("network", e.Network);
            json.WriteString("containerId", e.ContainerId);
            json.WriteString("interfaceName", e.InterfaceName);
            json.WriteString("kind", e.Kind);
            json.WriteString("portName", e.PortName);
            WritePort(json, e.HasPort, e.Port);
            json.WriteString("mac", e.Mac);
            List(json, "addresses", e.Addresses);
            json.WriteString("podNamespace", e.PodNamespace);
            json.WriteString("podName", e.PodName);
            json.WriteNumber("mtu", e.Mtu);
            json.WriteString("state", e.State);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Tables(Utf8JsonWriter json, ListTablesReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("tables");
        foreach (var table in reply.Tables)
        {
            json.WriteStartObject();
            json.WriteString("name", table.Name);
            json.WriteNumber("size", table.Size);
            json.WriteStartArray("rows");
            foreach (var row in table.Rows)
            {
                json.WriteStartObject();
                Pairs(json, "match", row.Match);
                json.WriteString("action", row.Action);
                Pairs(json, "params", row.Params);
                json.WriteNumber("priority", row.Priority);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Counters(Utf8JsonWriter json, ListCountersReply reply)
    {
        json.WriteStartObject();
        json.WriteStartArray("counters");
        foreach (var cell in reply.Cells)
        {
            json.WriteStartObject();
            json.WriteString("counter", cell.Counter);
            json.WriteNumber("index", cell.Index);
            json.WriteString("label", cell.Label.Length == 0 ? null : cell.Label);
            json.WriteNumber("packets", cell.Packets);
            json.WriteNumber("bytes", cell.Bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("lossesProblem", reply.LossesProblem);
        json.WriteEndObject();
    }

    public static void Trace(Utf8JsonWriter json, string port, byte[] frame, TraceReply reply)
    {
        json.WriteStartObject();
        json.WriteString("port", port);
        json.WriteString("packet", Convert.ToHexStringLower(frame));
        json.WriteString("packetText", FrameText.Describe(frame));
        json.WriteStartArray("steps");
        foreach (var step in reply.Steps)
        {
            json.WriteStartObject();
            json.WriteString("table", step.Table);
            Pairs(json, "key", step.Key);
            json.WriteBoolean("hit", step.Hit);
            json.WriteString("action", step.Action);
            Pairs(json, "params", step.Params);
            json.WriteString("note", step.Note);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("fate", reply.Fate);
        json.WriteNumber("outPort", reply.OutPort);
        json.WriteString("outPortName", reply.OutPortName);
        json.WriteString("outPacket", Convert.ToHexStringLower(reply.OutPacket.Span));
        json.WriteString("outPacketText", reply.OutPacket.IsEmpty ? "" : FrameText.Describe(reply.OutPacket.Span));
        json.WriteString("dropReason", reply.DropReason);
        json.WriteEndObject();
    }

    private static void Pairs(Utf8JsonWriter json, string name, IEnumerable<NamedValue> values)
    {
        json.WriteStartObject(name);
        foreach (var value in values)
        {
            json.WriteString(value.Name, value.Value);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the port number, or null while the target has none; 0 is a valid number.</summary>
    public static void WritePort(Utf8JsonWriter json, bool known, uint port)
    {
        if (known)
        {
            json.WriteNumber("port", port);
        }
        else
        {
            json.WriteNull("port");
        }
    }
}
