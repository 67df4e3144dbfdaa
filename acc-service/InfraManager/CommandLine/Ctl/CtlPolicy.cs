using System.Globalization;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Text output of ctl policy.</summary>
internal static class CtlPolicy
{
    public static void Text(TextWriter writer, GetPolicyReply reply)
    {
        if (reply.Pod is { } pod)
        {
            Text(writer, pod);
        }
        else
        {
            Text(writer, reply.Summary);
        }
    }

    public static void Text(TextWriter writer, ExplainPolicyReply reply)
    {
        writer.WriteLine($"{(reply.Allowed ? "allowed" : "DENIED")}: {Party(reply.Source)} to {Party(reply.Destination)}");
        foreach (var verdict in reply.Verdicts)
        {
            writer.WriteLine($"  {verdict.Direction} of {verdict.Pod}: {(verdict.Allowed ? "allowed" : "DENIED")}: {Reason(verdict)}");
            if (verdict.Closed.Length > 0)
            {
                writer.WriteLine($"    once it is opened: {verdict.Rule}");
            }

            if (verdict.IsolatedBy.Count > 0)
            {
                writer.WriteLine($"    isolated by {string.Join(", ", verdict.IsolatedBy)}{More(verdict.IsolatedByLeftOut)}");
            }

            if (verdict.WouldDrop.Length > 0)
            {
                writer.WriteLine($"    staged: {verdict.WouldDrop} would drop it");
            }

            if (verdict.Set != 0)
            {
                writer.WriteLine(
                    $"    set {Number(verdict.Set)}, class {Number(verdict.PeerClass)}, port class {Number(verdict.PortClass)}, "
                    + $"group {Number(verdict.Group)}{(verdict.Logged ? ", logged" : "")}");
            }
        }

        foreach (var remark in reply.Remarks)
        {
            writer.WriteLine($"  note: {remark}");
        }

        if (reply.Disagreement.Length > 0)
        {
            writer.WriteLine($"  ERROR: {reply.Disagreement}. This is a fault of inframanager: please report it with this output");
        }
    }

    private static void Text(TextWriter writer, PolicySummary summary)
    {
        var table = new TextTable("source", summary.Source);
        if (summary.Problem.Length > 0)
        {
            table.Add("problem", summary.Problem);
        }

        table.Add("synced", summary.Synced ? "yes" : "no");
        table.Add("objects", Counts(summary.Objects));
        table.Add("isolated pods", Number(summary.IsolatedPods));
        table.Add("closed pods", Number(summary.ClosedPods) + (summary.Fenced ? ", fenced: rows are being written or were refused" : ""));
        table.Add("sets", $"{Number(summary.Sets)}, {Number(summary.Groups)} groups");
        table.Add("classes", $"{Number(summary.PeerClasses)} of peers, {Number(summary.PortClasses)} of ports");
        table.Add("rows", Counts(summary.Rows));
        table.Add("not enforceable", summary.NotEnforceable == 0 ? "none" : Number(summary.NotEnforceable));
        foreach (var reason in summary.Reasons)
        {
            table.Add("", reason);
        }

        if (summary.UnresolvedPods > 0)
        {
            table.Add("unresolved pods", $"{Number(summary.UnresolvedPods)}: {string.Join(", ", summary.Unresolved)}");
        }

        Packets(table, summary);
        table.WriteTo(writer);
    }

    private static void Packets(TextTable table, PolicySummary summary)
    {
        if (summary.CountingProblem.Length > 0)
        {
            table.Add("packets", summary.CountingProblem);
        }
        else if (summary.Source != "off")
        {
            table.Add("packets", $"counted for {Number((ulong)summary.CountedSeconds)} s{(summary.Packets.Count == 0 ? ", none" : "")}");
        }

        foreach (var total in summary.Packets)
        {
            List<string> parts = [];
            AddPart(parts, total.Allowed, "allowed");
            AddPart(parts, total.Denied, "denied");
            AddPart(parts, total.WouldDrop, "would be dropped");
            var policy = total.Policy.Length > 0 ? total.Policy : "by default";
            table.Add("", $"{policy}: {(parts.Count > 0 ? string.Join(", ", parts) : "0")}");
        }

        if (summary.PacketsLeftOut > 0)
        {
            table.Add("", $"{Number(summary.PacketsLeftOut)} more policies are not shown");
        }
    }

    private static void AddPart(List<string> parts, ulong packets, string what)
    {
        if (packets > 0)
        {
            parts.Add($"{Number(packets)} {what}");
        }
    }

    private static void Text(TextWriter writer, PodPolicy pod)
    {
        writer.WriteLine($"{pod.Pod}  {string.Join(", ", pod.Addresses)}  {pod.State}");
        if (pod.CountingProblem.Length > 0)
        {
            writer.WriteLine($"packets: {pod.CountingProblem}");
        }

        Text(writer, pod.Ingress);
        Text(writer, pod.Egress);
    }

    private static void Text(TextWriter writer, PolicyInDirection direction)
    {
        var state = direction.State switch
        {
            "open" => "open: no policy selects the pod",
            "closed" => $"CLOSED: {direction.Reason}",
            _ => $"judged by set {Number(direction.Set)}{(direction.Reason.Length > 0 ? $"; {direction.Reason}" : "")}",
        };
        writer.WriteLine($"{direction.Direction}: {state}");
        if (direction.PacketsPods > 1)
        {
            writer.WriteLine($"  packets are those of all {Number(direction.PacketsPods)} pods with these rules");
        }

        foreach (var tier in direction.Tiers)
        {
            writer.WriteLine($"  tier {tier.Name}");
            foreach (var policy in tier.Policies)
            {
                writer.WriteLine($"    {policy.Name}{(policy.Staged ? " (staged, not enforced)" : "")}");
                foreach (var rule in policy.Rules)
                {
                    var counted = policy.Staged ? WouldDrop(rule.Packets?.Count ?? 0) : Packets(rule.Packets);
                    writer.WriteLine($"      {rule.Action}  {Short(rule.Name, policy.Name)}{counted}");
                    foreach (var match in rule.Matches)
                    {
                        writer.WriteLine($"        {match}");
                    }

                    if (rule.MatchesLeftOut > 0)
                    {
                        writer.WriteLine($"        {Number(rule.MatchesLeftOut)} more");
                    }
                }
            }

            var packets = tier.Default == "pass" ? "" : Packets(tier.DefaultPackets);
            writer.WriteLine($"    otherwise: {tier.Default}{packets}{WouldDrop(tier.WouldDrop)}");
        }

        if (direction.Tiers.Count > 0)
        {
            var packets = direction.DefaultPackets is { Count: > 0 } some ? Packets(some) : "";
            writer.WriteLine($"  after all tiers: {direction.Default}{packets}");
        }

        if (direction.RulesLeftOut > 0)
        {
            writer.WriteLine($"  {Number(direction.RulesLeftOut)} more rules are not shown");
        }
    }

    private static string Packets(RulePackets? packets) => packets switch
    {
        null => "",
        { Partial: true, Count: 0 } => "  packets not counted",
        { Partial: true } => $"  at least {Number(packets.Count)} packets",
        _ => $"  {Number(packets.Count)} packets",
    };

    private static string WouldDrop(ulong packets) => packets == 0 ? "" : $"  would drop {Number(packets)} packets";

    private static string Reason(DirectionVerdict verdict) =>
        verdict.Closed.Length > 0 ? $"closed: {verdict.Closed}" : verdict.Rule.Length > 0 ? verdict.Rule : "a rule whose name is not known";

    // A rule's name begins with its policy's.
    private static string Short(string rule, string policy) =>
        rule.StartsWith(policy + " ", StringComparison.Ordinal) ? rule[(policy.Length + 1)..] : rule;

    private static string Party(PolicyParty party) => party.Pod.Length > 0
        ? $"{party.Pod} ({party.Address}, {party.Kind})"
        : $"{party.Address} ({party.Kind})";

    private static string Counts(IEnumerable<PolicyCount> counts) =>
        string.Join(", ", counts.Select(c => $"{Number(c.Count)} {c.Name}"));

    private static string More(uint count) => count == 0 ? "" : $" and {Number(count)} more";

    private static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
