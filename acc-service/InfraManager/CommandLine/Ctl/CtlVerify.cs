using System.Globalization;
using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl verify.</summary>
internal static class CtlVerify
{
    public static void Text(TextWriter writer, VerifyPolicyReply reply)
    {
        var points = reply.Points.ToString("N0", CultureInfo.InvariantCulture);
        writer.WriteLine(
            $"{(reply.Differing == 0 ? "equal" : "DIFFERENT")}: {points} points compared "
            + $"({Number(reply.Sets)} sets of {Number(reply.Pods)} pods, {Number(reply.Peers)} kinds of peers, "
            + $"{Number(reply.Ports)} kinds of ports; {Number(reply.Rows)} rows) in "
            + $"{reply.Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
        foreach (var difference in reply.Differences)
        {
            writer.WriteLine($"  {difference}");
        }

        if (reply.Differing > (ulong)reply.Differences.Count)
        {
            writer.WriteLine($"  {Number(reply.Differing - (ulong)reply.Differences.Count)} more differences");
        }

        if (reply.PodsWithoutPort > 0)
        {
            writer.WriteLine($"  not compared: {Number(reply.PodsWithoutPort)} pods without a port on the target");
        }

        if (reply.PodsUnresolved > 0)
        {
            writer.WriteLine(
                $"  not compared: {Number(reply.PodsUnresolved)} pods with former rules: their policies refer to something unknown");
        }
    }

    public static void Json(Utf8JsonWriter json, VerifyPolicyReply reply)
    {
        json.WriteStartObject();
        json.WriteBoolean("equal", reply.Differing == 0);
        json.WriteNumber("pods", reply.Pods);
        json.WriteNumber("sets", reply.Sets);
        json.WriteNumber("peers", reply.Peers);
        json.WriteNumber("ports", reply.Ports);
        json.WriteNumber("points", reply.Points);
        json.WriteNumber("rows", reply.Rows);
        json.WriteNumber("differing", reply.Differing);
        CtlJson.List(json, "differences", reply.Differences);
        json.WriteNumber("podsWithoutPort", reply.PodsWithoutPort);
        json.WriteNumber("podsUnresolved", reply.PodsUnresolved);
        json.WriteNumber("seconds", reply.Seconds);
        json.WriteEndObject();
    }

    private static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}
