using System.Net;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.InfraManager.Control;

internal sealed partial class ControlService
{
    public override Task<ListNodesReply> ListNodes(ListNodesRequest request, ServerCallContext context) => guard.RunAsync(context, () =>
    {
        var needed = core.NextHops;
        var neighbors = core.Neighbors.ToDictionary(n => n.Address);
        var reply = new ListNodesReply { Routed = core.Node.RoutesNodes };
        reply.Nodes.AddRange(core.RemoteNodes.OrderBy(n => n.Node.Name, StringComparer.Ordinal).Select(n => ToInfo(n, neighbors)));
        reply.Neighbors.AddRange(neighbors.Values.OrderBy(n => n.Address.ToString(), StringComparer.Ordinal).Select(n => new NeighborInfo
        {
            Address = n.Address.ToString(),
            Mac = n.Mac?.ToString() ?? "",
            Needed = needed.Contains(n.Address),
        }));
        return Task.FromResult(reply);
    });

    private static NodeInfo ToInfo(RemoteNodeView view, Dictionary<IPAddress, Neighbor> neighbors)
    {
        var info = new NodeInfo
        {
            Name = view.Node.Name,
            Address = view.Path.Address?.ToString() ?? "",
            Path = view.Path.Kind switch
            {
                NodePathKind.Direct => "direct",
                NodePathKind.Tunnel => "tunnel",
                _ => "routed",
            },
            Neighbor = view.Path.Neighbor?.ToString() ?? "",
            NeighborMac = view.Path.Neighbor is { } hop ? neighbors.GetValueOrDefault(hop)?.Mac?.ToString() ?? "" : "",
            State = view.Programmed ? "programmed" : "pending",
            Problem = view.Problem,
        };
        info.PodRanges.AddRange(view.Node.Facts.PodRanges.Select(r => r.ToString()));
        return info;
    }
}
