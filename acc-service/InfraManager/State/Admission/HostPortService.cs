using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// The service that a pod's host ports are for the pipeline: frontends at the node's addresses, and the pod as the only backend. It belongs
/// to the endpoint, and nobody else can set or remove it.
/// </summary>
internal static class HostPortService
{
    // No namespace of Kubernetes has a capital letter.
    private const string Namespace = "hostPort";

    /// <summary>The key of the endpoint's service.</summary>
    public static ServiceKey KeyOf(Endpoint endpoint) => new(Namespace, endpoint.Spec is { PodName.Length: > 0 } named
        ? $"{named.PodNamespace}/{named.PodName}/{endpoint.Id}"
        : $"{endpoint.Key.ContainerId}/{endpoint.Key.InterfaceName}/{endpoint.Id}");

    /// <summary>Whether it is the key of a pod's host ports, not of a service that someone requests.</summary>
    public static bool Is(ServiceKey key) => key.Namespace == Namespace;

    /// <summary>
    /// The frontends of the endpoint's host ports at the node's addresses, each with the index of its host port. A host port that names an
    /// address goes before one for all addresses. This is the only place that looks at the node's addresses for host ports.
    /// </summary>
    public static IEnumerable<(int Index, FrontendKey Key)> Frontends(EndpointSpec spec, NodeSettings node)
    {
        if (spec.HostPorts.Count == 0 || node.Profile.Services is not null)
        {
            return [];
        }

        IPAddress[] own = [.. node.NodeAddresses.Where(a => ServiceRules.FrontendProblem(a, node) is null)];
        return spec.HostPorts.Select((port, index) => (Port: port, Index: index)).OrderBy(p => !p.Port.HasOneAddress)
            .SelectMany(p => own.Where(p.Port.Covers).Select(a => (p.Index, Key: new FrontendKey(a, p.Port.Protocol, p.Port.Port))))
            .DistinctBy(f => f.Key);
    }

    /// <summary>The desired state of the service: a pure function of the endpoint, the node and the other services.</summary>
    /// <param name="endpoint">An endpoint with host ports.</param>
    /// <param name="node">The node.</param>
    /// <param name="holderOf">Another service that has the frontend; null if none has.</param>
    public static ServiceSpec SpecOf(Endpoint endpoint, NodeSettings node, Func<FrontendKey, ServiceKey?> holderOf)
    {
        var spec = endpoint.Spec;
        var problems = new List<ServiceProblem>();
        var frontends = Frontends(spec, node).ToLookup(f => f.Index, f => f.Key);
        var served = new List<(HostPort Port, FrontendKey Key)>();
        for (var i = 0; i < spec.HostPorts.Count; i++)
        {
            var port = spec.HostPorts[i];
            if (!frontends.Contains(i))
            {
                problems.Add(new ServiceProblem($"host port {port}", $"is not served: {ProblemOf(port, node)}"));
            }
            else if (port.Protocol != Transport.Sctp && IsMasqueradePort(port.Port, node))
            {
                problems.Add(new ServiceProblem($"host port {port}", $"is in Node:MasqueradePorts ({node.MasqueradePorts}): a masqueraded "
                    + "flow that gets this source port fails"));
            }

            foreach (var key in frontends[i])
            {
                if (holderOf(key) is { } holder)
                {
                    problems.Add(new ServiceProblem($"frontend {key}", $"is not served: it belongs to service {holder}"));
                }
                else
                {
                    served.Add((port, key));
                }
            }
        }

        return new ServiceSpec(KeyOf(endpoint), [.. served.GroupBy(s => (s.Port.Protocol, s.Port.PodPort)).Select(g => PortOf(
            g.Key.Protocol, g.Key.PodPort, spec.Addresses[0], g.Select(s => s.Key)))])
        {
            Problems = [.. problems],
            IsUnserved = served.Count == 0,
        };
    }

    // The only backend is a pod of this node, so packets keep their source, as with the traffic policy Local.
    private static ServicePortSpec PortOf(ProtocolType protocol, ushort podPort, IPAddress pod, IEnumerable<FrontendKey> frontends) => new(
        "",
        protocol,
        podPort,
        AffinitySeconds: 0,
        [.. frontends.OrderBy(f => new BackendKey(f.Address, f.Port)).Select(f => new Frontend(
            f.Address, f.Port, FrontendKind.HostPort, FlowTarget.Local, FlowTarget.Local, MasqueradeInside: false,
            MasqueradeOutside: false, []))],
        [new Backend(pod, podPort, BackendPlace.Local, Ready: true, Serving: true, Terminating: false, InCluster: false, InLocal: true)]);

    private static string ProblemOf(HostPort port, NodeSettings node) => port.Address switch
    {
        _ when node.Profile.Services is { } package => $"{package.Name} does not support host ports",
        { AddressFamily: AddressFamily.InterNetworkV6 } => "this pipeline carries IPv4 only",
        { } address when IPAddress.IsLoopback(address) => "packets to a loopback address do not leave the host; use the pod's address",
        { } address when port.HasOneAddress => $"{address} is not one of the node's addresses (Node:NodeAddresses)",
        _ => "the node has no IPv4 address (Node:NodeAddresses)",
    };

    private static bool IsMasqueradePort(ushort port, NodeSettings node) =>
        port >= node.MasqueradePorts.First && port <= node.MasqueradePorts.Last;
}
