using System.Globalization;
using ACCOffload.Protos.V1;
using Google.Protobuf.Collections;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Text output of ctl.</summary>
internal static class CtlText
{
    public static void Status(TextWriter writer, GetStatusReply status)
    {
        var table = new TextTable("node", status.Node);
        table.Add("version", status.Version);
        table.Add("ready", status.Ready ? "yes" : status.CanAttach ? "no, but pods can be attached" : "no, pods cannot be attached");
        foreach (var condition in status.Conditions)
        {
            table.Add($"  {condition.Name}", Condition(condition));
        }

        foreach (var notice in status.Notices)
        {
            table.Add("notice", notice);
        }

        table.Add("target", status.Target);
        table.Add("target state", status.TargetReason.Length == 0 ? status.TargetState : $"{status.TargetState} ({status.TargetReason})");
        table.Add("pipeline", $"{status.Pipeline}, cookie {status.Cookie:x16}");
        table.Add("gateway", $"{status.Gateway} at {status.GatewayMac}");
        table.Add("node addresses", List(status.NodeAddresses));
        table.Add("pod ranges", List(status.PodRanges));
        table.Add("service ranges", List(status.ServiceRanges));
        if (status.ArpProxy.Length > 0)
        {
            table.Add("ARP responder", status.ArpProxy);
        }

        table.Add("endpoints", Number(status.Endpoints));
        var agent = status.Agent.Length == 0 ? "none since host-reset" : status.Agent;
        table.Add("agent", status.AgentEpoch == 0 ? "none yet" : $"{agent}, epoch {Number(status.AgentEpoch)}");
        if (status.AgentRivals.Length > 0)
        {
            table.Add(
                "two agents", $"{status.AgentRivals} keep taking the epoch from each other: two processes use this node's certificate");
        }

        table.Add("services", $"{Number(status.Services)}, {(status.Watch is { } watch ? Watch(watch) : "set by the agent")}");
        foreach (var kind in status.Watch?.Kinds ?? [])
        {
            table.Add($"watch {kind.Kind}", Watch(kind));
        }

        foreach (var refused in status.Watch?.Refused ?? [])
        {
            table.Add("refused", $"{refused.Subject}: {refused.Reason}");
        }

        var pending = status.PendingEntries == 0 ? "" : $", {Number(status.PendingEntries)} of them pending";
        table.Add("table entries", $"{Number(status.TableEntries)}{pending}");
        table.Add("queue", Number(status.QueueLength));
        table.Add("sent", $"{Number(status.UpdatesSent)} updates in {Number(status.WritesSent)} writes");
        table.Add("commits", Number(status.Commits));
        table.Add("reconciled", status.Reconciled
            ? $"yes: {Number(status.ReconcileInserted)} inserted, {Number(status.ReconcileModified)} modified, "
                + $"{Number(status.ReconcileDeleted)} deleted"
            : "no");
        if (status.StoreProblem.Length > 0)
        {
            table.Add("store", status.StoreProblem);
        }

        table.Add("uptime", TimeSpan.FromSeconds(Math.Floor(status.Uptime)).ToString("c", CultureInfo.InvariantCulture));
        table.WriteTo(writer);
    }

    private static string List(RepeatedField<string> items) => items.Count == 0 ? "none" : string.Join(", ", items);

    private static string Condition(Condition condition) =>
        condition.Ok ? condition.Reason.Length == 0 ? "ok" : $"ok ({condition.Reason})"
        : condition.PreventsAdds ? $"NOT OK, pods cannot be attached: {condition.Reason}"
        : $"NOT OK: {condition.Reason}";

    private static string Watch(WatchStatus watch)
    {
        var server = watch.Server.Length == 0 ? "" : $" from {watch.Server}";
        if (!watch.Synced)
        {
            return $"not synced yet{server}";
        }

        var pending = watch.Pending == 0 ? "" : $", {Number(watch.Pending)} pending";
        return $"watched{server}{pending}{(watch.Waiting.Length == 0 ? "" : $"; waiting for a retry: {watch.Waiting}")}";
    }

    private static string Watch(WatchedKind kind)
    {
        // After recovery the last error no longer matters.
        var problem = kind.LastError.Length == 0 || kind.Phase == "watching" ? "" : $": {kind.LastError}";
        return $"{kind.Phase}, {Number(kind.Objects)} {(kind.Objects == 1 ? "object" : "objects")}{problem}";
    }

    public static void Endpoints(TextWriter writer, ListEndpointsReply reply)
    {
        if (reply.Endpoints.Count == 0)
        {
            writer.WriteLine("no endpoints");
            return;
        }
        var table = new TextTable(
            "PORT", "NAME", "KIND", "POD", "ADDRESSES", "MAC", "MTU", "STATE", "API", "NETWORK", "CONTAINER", "INTERFACE").AlignRight(0, 6);
        foreach (var e in reply.Endpoints.OrderBy(e => e.Kind, StringComparer.Ordinal).ThenBy(e => e.Port))
        {
            table.Add(
                e.HasPort ? Number(e.Port) : "-",
                e.PortName,
                e.Kind,
                e.PodName.Length == 0 ? "-" : $"{e.PodNamespace}/{e.PodName}",
                string.Join(',', e.Addresses),
                e.Mac,
                Number(e.Mtu),
                e.State,
                e.Api,
                e.Network,
                e.ContainerId.Length <= 16 ? e.ContainerId : e.ContainerId[..13] + "...",
                e.InterfaceName);
        }
        table.WriteTo(writer);
    }

    public static void Tables(TextWriter writer, ListTablesReply reply)
    {
        var (first, separate) = (true, false);
        foreach (var table in reply.Tables)
        {
            // No blank lines between empty tables.
            if (!first && (separate || table.Rows.Count > 0))
            {
                writer.WriteLine();
            }

            (first, separate) = (false, table.Rows.Count > 0);
            writer.WriteLine($"{table.Name}: {Number((ulong)table.Rows.Count)} of {Number(table.Size)} rows");
            if (table.Rows.Count == 0)
            {
                continue;
            }

            var withPriority = table.Rows.Any(r => r.Priority != 0);
            var names = table.Rows[0].Match.Select(m => m.Name.ToUpperInvariant());
            var text = new TextTable([.. names, .. withPriority ? ["PRIORITY"] : Array.Empty<string>(), "ACTION"]);
            foreach (var row in table.Rows)
            {
                var priority = withPriority ? [row.Priority.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>();
                text.Add([.. row.Match.Select(m => m.Value), .. priority, Action(row.Action, row.Params)]);
            }

            text.WriteTo(writer, "  ");
        }
    }

    public static void Counters(TextWriter writer, ListCountersReply reply, bool all)
    {
        var cells = reply.Cells.Where(c => all || c.Packets != 0 || c.Bytes != 0).ToList();
        if (reply.LossesProblem.Length > 0)
        {
            writer.WriteLine(reply.LossesProblem);
        }

        if (cells.Count == 0)
        {
            writer.WriteLine("all counters are zero (--all shows them)");
            return;
        }
        var table = new TextTable("COUNTER", "INDEX", "REASON", "PACKETS", "BYTES").AlignRight(1, 3, 4);
        foreach (var cell in cells)
        {
            table.Add(
                cell.Counter, Number(cell.Index), cell.Label.Length == 0 ? "-" : cell.Label, Number(cell.Packets), Number(cell.Bytes));
        }

        table.WriteTo(writer);
    }

    public static void Trace(TextWriter writer, string port, byte[] frame, TraceReply reply)
    {
        writer.WriteLine($"in    port {port}: {FrameText.Describe(frame)}");
        var table = new TextTable("step", "table", "", "key", "action");
        var number = 0;
        foreach (var step in reply.Steps)
        {
            number++;
            if (step.Table.Length == 0)
            {
                table.Add(Number((ulong)number), "-", "", step.Note, "");
            }
            else
            {
                var action = Action(step.Action, step.Params) + (step.Note.Length == 0 ? "" : $"  {step.Note}");
                table.Add(Number((ulong)number), step.Table, step.Hit ? "hit" : "miss", Pairs(step.Key), action);
            }
        }
        if (number > 0)
        {
            table.WriteTo(writer, "  ");
        }

        var name = reply.OutPortName.Length == 0 ? "" : $" ({reply.OutPortName})";
        writer.WriteLine(reply.Fate switch
        {
            "sent" => $"sent  port {reply.OutPort}{name}: {FrameText.Describe(reply.OutPacket.Span)}",
            "dropped" => $"dropped{(reply.DropReason.Length == 0 ? "" : $": {reply.DropReason}")}",
            "controller" => $"to the controller: {FrameText.Describe(reply.OutPacket.Span)}",
            _ => reply.Fate,
        });
    }

    private static string Action(string action, IEnumerable<NamedValue> parameters) =>
        action.Length == 0 ? "" : $"{action}({Pairs(parameters)})";

    private static string Pairs(IEnumerable<NamedValue> values) => string.Join(", ", values.Select(v => $"{v.Name}={v.Value}"));

    public static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
