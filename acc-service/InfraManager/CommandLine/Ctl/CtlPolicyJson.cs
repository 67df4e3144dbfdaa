using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>JSON output of ctl policy. Names are those of policy.proto in camel case; no field is omitted.</summary>
internal static class CtlPolicyJson
{
    public static void Write(Utf8JsonWriter json, GetPolicyReply reply)
    {
        if (reply.Pod is { } pod)
        {
            Write(json, pod);
        }
        else
        {
            Write(json, reply.Summary);
        }
    }

    public static void Write(Utf8JsonWriter json, ExplainPolicyReply reply)
    {
        json.WriteStartObject();
        json.WriteBoolean("allowed", reply.Allowed);
        Write(json, "source", reply.Source);
        Write(json, "destination", reply.Destination);
        json.WriteStartArray("verdicts");
        foreach (var verdict in reply.Verdicts)
        {
            json.WriteStartObject();
            json.WriteString("direction", verdict.Direction);
            json.WriteString("pod", verdict.Pod);
            json.WriteBoolean("allowed", verdict.Allowed);
            json.WriteString("rule", verdict.Rule);
            CtlJson.List(json, "isolatedBy", verdict.IsolatedBy);
            json.WriteNumber("isolatedByLeftOut", verdict.IsolatedByLeftOut);
            json.WriteBoolean("logged", verdict.Logged);
            json.WriteString("wouldDrop", verdict.WouldDrop);
            json.WriteString("closed", verdict.Closed);
            json.WriteNumber("set", verdict.Set);
            json.WriteNumber("peerClass", verdict.PeerClass);
            json.WriteNumber("portClass", verdict.PortClass);
            json.WriteNumber("group", verdict.Group);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        CtlJson.List(json, "remarks", reply.Remarks);
        json.WriteString("disagreement", reply.Disagreement);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, PolicyParty party)
    {
        json.WriteStartObject(name);
        json.WriteString("pod", party.Pod);
        json.WriteString("address", party.Address);
        json.WriteString("kind", party.Kind);
        json.WriteString("node", party.Node);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PolicySummary summary)
    {
        json.WriteStartObject();
        json.WriteString("source", summary.Source);
        json.WriteBoolean("synced", summary.Synced);
        json.WriteBoolean("fenced", summary.Fenced);
        json.WriteString("problem", summary.Problem);
        Counts(json, "objects", summary.Objects);
        json.WriteNumber("isolatedPods", summary.IsolatedPods);
        json.WriteNumber("closedPods", summary.ClosedPods);
        json.WriteNumber("sets", summary.Sets);
        json.WriteNumber("groups", summary.Groups);
        json.WriteNumber("peerClasses", summary.PeerClasses);
        json.WriteNumber("portClasses", summary.PortClasses);
        Counts(json, "rows", summary.Rows);
        json.WriteNumber("notEnforceable", summary.NotEnforceable);
        CtlJson.List(json, "reasons", summary.Reasons);
        json.WriteNumber("unresolvedPods", summary.UnresolvedPods);
        CtlJson.List(json, "unresolved", summary.Unresolved);
        json.WriteString("countingProblem", summary.CountingProblem);
        json.WriteNumber("countedSeconds", summary.CountedSeconds);
        json.WriteStartArray("packets");
        foreach (var total in summary.Packets)
        {
            json.WriteStartObject();
            json.WriteString("policy", total.Policy);
            json.WriteNumber("allowed", total.Allowed);
            json.WriteNumber("denied", total.Denied);
            json.WriteNumber("wouldDrop", total.WouldDrop);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("packetsLeftOut", summary.PacketsLeftOut);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PodPolicy pod)
    {
        json.WriteStartObject();
        json.WriteString("pod", pod.Pod);
        json.WriteString("uid", pod.Uid);
        CtlJson.List(json, "addresses", pod.Addresses);
        json.WriteString("state", pod.State);
        Write(json, pod.Ingress);
        Write(json, pod.Egress);
        json.WriteString("countingProblem", pod.CountingProblem);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PolicyInDirection direction)
    {
        json.WriteStartObject(direction.Direction);
        json.WriteString("state", direction.State);
        json.WriteString("reason", direction.Reason);
        json.WriteNumber("set", direction.Set);
        json.WriteStartArray("tiers");
        foreach (var tier in direction.Tiers)
        {
            json.WriteStartObject();
            json.WriteString("name", tier.Name);
            json.WriteString("default", tier.Default);
            Write(json, "defaultPackets", tier.DefaultPackets);
            json.WriteNumber("wouldDrop", tier.WouldDrop);
            json.WriteStartArray("policies");
            foreach (var policy in tier.Policies)
            {
                Write(json, policy);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("default", direction.Default);
        Write(json, "defaultPackets", direction.DefaultPackets);
        json.WriteNumber("packetsPods", direction.PacketsPods);
        json.WriteNumber("rulesLeftOut", direction.RulesLeftOut);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PolicyOfTier policy)
    {
        json.WriteStartObject();
        json.WriteString("name", policy.Name);
        json.WriteBoolean("staged", policy.Staged);
        json.WriteStartArray("rules");
        foreach (var rule in policy.Rules)
        {
            json.WriteStartObject();
            json.WriteString("name", rule.Name);
            json.WriteString("action", rule.Action);
            CtlJson.List(json, "matches", rule.Matches);
            json.WriteNumber("matchesLeftOut", rule.MatchesLeftOut);
            Write(json, "packets", rule.Packets);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, RulePackets? packets)
    {
        if (packets is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteNumber("count", packets.Count);
        json.WriteBoolean("partial", packets.Partial);
        json.WriteEndObject();
    }

    private static void Counts(Utf8JsonWriter json, string name, IEnumerable<PolicyCount> counts)
    {
        json.WriteStartObject(name);
        foreach (var count in counts)
        {
            json.WriteNumber(count.Name, count.Count);
        }

        json.WriteEndObject();
    }
}
