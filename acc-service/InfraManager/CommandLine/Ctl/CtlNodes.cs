using System.Text.Json;
using ACCOffload.Protos.V1;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Output of ctl nodes.</summary>
internal static class CtlNodes
{
    public static void Text(TextWriter writer, ListNodesReply reply)
    {
        if (!reply.Routed)
        {
            writer.WriteLine("other nodes are reached by the uplink's routes only: Node:Uplink:Addresses is not set");
            return;
        }

        if (reply.Nodes.Count == 0)
        {
            writer.WriteLine("no other nodes");
        }
        else
        {
            var table = new TextTable("NODE", "ADDRESS", "PODS", "PATH", "NEIGHBOR", "STATE");
            foreach (var node in reply.Nodes)
            {
                table.Add(
                    node.Name, Or(node.Address), Or(string.Join(", ", node.PodRanges)), node.Path, Hop(node.Neighbor, node.NeighborMac),
                    node.State);
            }

            table.WriteTo(writer);
            foreach (var node in reply.Nodes.Where(n => n.Problem.Length > 0))
            {
                writer.WriteLine($"! {node.Name}: {node.Problem}");
            }
        }

        if (reply.Neighbors.Count > 0)
        {
            writer.WriteLine();
            var table = new TextTable("NEIGHBOR", "MAC", "USED BY");
            foreach (var neighbor in reply.Neighbors)
            {
                table.Add(neighbor.Address, neighbor.Mac.Length > 0 ? neighbor.Mac : "unresolved", neighbor.Needed ? "routes" : "hosts");
            }

            table.WriteTo(writer);
        }
    }

    public static void Json(Utf8JsonWriter json, ListNodesReply reply)
    {
        json.WriteStartObject();
        json.WriteBoolean("routed", reply.Routed);
        json.WriteStartArray("nodes");
        foreach (var node in reply.Nodes)
        {
            json.WriteStartObject();
            json.WriteString("name", node.Name);
            json.WriteString("address", node.Address);
            json.WriteStartArray("podRanges");
            foreach (var range in node.PodRanges)
            {
                json.WriteStringValue(range);
            }

            json.WriteEndArray();
            json.WriteString("path", node.Path);
            json.WriteString("neighbor", node.Neighbor);
            json.WriteString("neighborMac", node.NeighborMac);
            json.WriteString("state", node.State);
            json.WriteString("problem", node.Problem);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("neighbors");
        foreach (var neighbor in reply.Neighbors)
        {
            json.WriteStartObject();
            json.WriteString("address", neighbor.Address);
            json.WriteString("mac", neighbor.Mac);
            json.WriteBoolean("needed", neighbor.Needed);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Or(string text) => text.Length > 0 ? text : "-";

    private static string Hop(string neighbor, string mac) =>
        neighbor.Length == 0 ? "-" : mac.Length > 0 ? $"{neighbor} ({mac})" : $"{neighbor} (unresolved)";
}
