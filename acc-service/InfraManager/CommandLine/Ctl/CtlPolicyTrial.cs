using System.Globalization;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl policy try.</summary>
internal static class CtlPolicyTrial
{
    public static void Text(TextWriter writer, TryPolicyReply reply)
    {
        writer.WriteLine($"tried {string.Join(", ", reply.Policies)}");
        writer.WriteLine(
            $"rules of {Number(reply.ChangedPods)} of {Number(reply.Pods)} pods would change; {Number(reply.Points)} points compared");
        if (reply.Effects.Count == 0)
        {
            writer.WriteLine("no packet would be judged differently");
        }

        var last = "";
        foreach (var effect in reply.Effects)
        {
            var head = $"{effect.Direction} of {effect.Pod}";
            if (head != last)
            {
                writer.WriteLine(head);
                last = head;
            }

            var (verdict, verb) = (effect.Allowed ? "newly allowed" : "NEWLY DENIED", effect.Direction == "ingress" ? "from" : "to");
            writer.WriteLine(
                $"  {verdict} {verb} {Peers(effect)}: {string.Join(", ", effect.Ports)}"
                + (effect.PortsLeftOut > 0 ? $" and {Number(effect.PortsLeftOut)} more" : ""));
            writer.WriteLine($"    before: {effect.RuleBefore}; then: {effect.RuleAfter}");
        }

        if (reply.EffectsLeftOut > 0)
        {
            writer.WriteLine($"{Number(reply.EffectsLeftOut)} more changes are not shown");
        }

        CutFlows(writer, reply);
        foreach (var remark in reply.Remarks)
        {
            writer.WriteLine($"note: {remark}");
        }
    }

    public static void Json(Utf8JsonWriter json, TryPolicyReply reply)
    {
        json.WriteStartObject();
        CtlJson.List(json, "policies", reply.Policies);
        json.WriteNumber("pods", reply.Pods);
        json.WriteNumber("changedPods", reply.ChangedPods);
        json.WriteNumber("points", reply.Points);
        json.WriteStartArray("effects");
        foreach (var effect in reply.Effects)
        {
            json.WriteStartObject();
            json.WriteString("pod", effect.Pod);
            json.WriteString("direction", effect.Direction);
            json.WriteBoolean("allowed", effect.Allowed);
            json.WriteString("ruleBefore", effect.RuleBefore);
            json.WriteString("ruleAfter", effect.RuleAfter);
            json.WriteNumber("peerPods", effect.PeerPods);
            json.WriteBoolean("others", effect.Others);
            CtlJson.List(json, "examples", effect.Examples);
            CtlJson.List(json, "ports", effect.Ports);
            json.WriteNumber("portsLeftOut", effect.PortsLeftOut);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("effectsLeftOut", reply.EffectsLeftOut);
        json.WriteNumber("flows", reply.Flows);
        json.WriteStartArray("cutFlows");
        foreach (var cut in reply.CutFlows)
        {
            json.WriteStartObject();
            json.WritePropertyName("flow");
            CtlFlows.Write(json, cut.Flow);
            json.WriteString("pod", cut.Pod);
            json.WriteString("direction", cut.Direction);
            json.WriteString("ruleBefore", cut.RuleBefore);
            json.WriteString("ruleAfter", cut.RuleAfter);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("cutFlowsLeftOut", reply.CutFlowsLeftOut);
        json.WriteString("flowsProblem", reply.FlowsProblem);
        CtlJson.List(json, "remarks", reply.Remarks);
        json.WriteEndObject();
    }

    private static void CutFlows(TextWriter writer, TryPolicyReply reply)
    {
        if (reply.FlowsProblem.Length > 0)
        {
            writer.WriteLine($"note: {reply.FlowsProblem}");
            return;
        }

        var cut = (ulong)reply.CutFlows.Count + reply.CutFlowsLeftOut;
        if (cut == 0)
        {
            writer.WriteLine($"none of {Number(reply.Flows)} live flows would be cut");
            return;
        }

        writer.WriteLine($"{Number(cut)} of {Number(reply.Flows)} live flows would be CUT");
        foreach (var flow in reply.CutFlows)
        {
            writer.WriteLine($"  {CtlFlows.Line(flow.Flow)}");
            writer.WriteLine($"    {flow.Direction} of {flow.Pod}: before: {flow.RuleBefore}; then: {flow.RuleAfter}");
        }

        if (reply.CutFlowsLeftOut > 0)
        {
            writer.WriteLine($"  {Number(reply.CutFlowsLeftOut)} more are not shown");
        }
    }

    private static string Peers(PolicyEffectInfo effect)
    {
        var who = (effect.PeerPods, effect.Others) switch
        {
            (0, _) => "other addresses",
            (1, false) => "1 pod",
            (var pods, false) => $"{Number(pods)} pods",
            (var pods, true) => $"{Number(pods)} pods and other addresses",
        };
        return $"{who} such as {string.Join(", ", effect.Examples)}";
    }

    private static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
