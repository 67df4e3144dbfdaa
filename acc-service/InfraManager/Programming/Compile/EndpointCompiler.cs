using System.Net;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>Compiles an endpoint into table entries: a pure function of the endpoint, port numbers and the node's settings.</summary>
internal sealed class EndpointCompiler
{
    private readonly EntryBuilder _portClass;
    private readonly EntryBuilder _macGuard;
    private readonly EntryBuilder _sourceGuard;
    private readonly EntryBuilder _localSources;
    private readonly EntryBuilder _pods;
    private readonly EntryBuilder _routes;
    private readonly ulong _gatewayMac;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public EndpointCompiler(Pipeline pipeline, NodeSettings node)
    {
        Node = node;
        _gatewayMac = node.GatewayMac.Value;
        _portClass = pipeline.Table("port_class").NewEntry();
        _macGuard = pipeline.Table("mac_guard").NewEntry();
        _sourceGuard = pipeline.Table("source_guard").NewEntry();
        _localSources = pipeline.Table("local_sources").NewEntry();
        _pods = pipeline.Table("pods").NewEntry();
        _routes = pipeline.Table("routes").NewEntry();
        ProbeNames();
    }

    /// <summary>The node's settings in effect.</summary>
    public NodeSettings Node { get; set; }

    /// <summary>The entries, in no particular order; each key once. Not thread-safe.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="port">The pipeline number of its port.</param>
    /// <param name="arpPort">For the uplink: the number of the port that answers ARP from there; null while there is none.</param>
    /// <param name="uplinkPort">For the exception port: the number of the uplink's port; null while there is none.</param>
    /// <param name="sets">For a pod: its policy sets.</param>
    public Entry[] Compile(
        Endpoint endpoint, uint port, uint? arpPort = null, uint? uplinkPort = null, PolicySets sets = default)
    {
        var entries = new List<Entry>(2 + (3 * endpoint.Spec.Addresses.Count));
        if (endpoint.Spec.Kind == EndpointKind.Host)
        {
            CompileHost(entries, endpoint, port);
        }
        else if (endpoint.Spec.Kind == EndpointKind.Uplink)
        {
            CompileUplink(entries, endpoint.Spec.Mac.Value, port, arpPort);
        }
        else if (endpoint.Spec.Kind == EndpointKind.Exception)
        {
            CompileException(entries, port, uplinkPort);
        }
        else
        {
            CompilePod(entries, endpoint, port, sets);
        }

        return [.. entries];
    }

    private void CompilePod(List<Entry> entries, Endpoint endpoint, uint port, PolicySets sets)
    {
        var mac = endpoint.Spec.Mac.Value;
        // The pipeline looks at policy only for endpoints that name a set.
        _portClass.Exact("port", port).Action(sets.Isolate ? "isolated_pod_port" : "pod_port")
            .Param("port", port).Param("gateway_mac", _gatewayMac);
        entries.Add(WithSets(_portClass, sets).Build());
        entries.Add(_macGuard.Exact("port", port).Exact("src_mac", mac).Action("allow_mac").Build());
        foreach (var address in endpoint.Spec.Addresses)
        {
            ulong ip = Ipv4.Value(address);
            entries.Add(_sourceGuard.Exact("port", port).Exact("src_mac", mac).Exact("src_ip", ip).Action("allow_source").Build());
            entries.Add(_localSources.Exact("src_ip", ip).Action("local_source").Build());
            _pods.Exact("dst_ip", ip).Action(sets.Isolate ? "to_isolated_pod" : "to_pod")
                .Param("port", port).Param("src_mac", _gatewayMac).Param("dst_mac", mac);
            entries.Add(WithSets(_pods, sets).Build());
        }
    }

    private static EntryBuilder WithSets(EntryBuilder entry, PolicySets sets) =>
        sets.Isolate ? entry.Param("egress_set", sets.Egress).Param("ingress_set", sets.Ingress) : entry;

    private void CompileHost(List<Entry> entries, Endpoint endpoint, uint port)
    {
        var mac = endpoint.Spec.Mac.Value;
        entries.Add(_portClass.Exact("port", port).Action("host_port").Param("port", port).Param("gateway_mac", _gatewayMac).Build());
        var hasNodeAddress = Node.NodeAddresses.Any(Ipv4.Is);
        foreach (var address in Node.AddressesOf(endpoint.Spec))
        {
            // The pipeline routes IPv4 only, but the configuration may contain addresses of both families.
            if (!Ipv4.Is(address))
            {
                continue;
            }

            ulong ip = Ipv4.Value(address);
            entries.Add(_routes.Lpm("dst_ip", ip, 32).Action("to_port")
                .Param("port", port).Param("src_mac", _gatewayMac).Param("dst_mac", mac).Build());
            // Packets from the uplink must not use the node's addresses as their source. The host's other addresses don't leave the node.
            var isInternal = hasNodeAddress && !Node.NodeAddresses.Contains(address);
            entries.Add(_localSources.Exact("src_ip", ip).Action(isInternal ? "internal_source" : "node_source").Build());
        }
    }

    private void CompileUplink(List<Entry> entries, ulong mac, uint port, uint? arpPort)
    {
        // Until there is a port that answers ARP, nothing answers for the node on the uplink.
        if (arpPort is not { } arp)
        {
            return;
        }

        var tunnel = Node.UsesTunnels ? Node.TunnelSource : null;
        entries.Add(_portClass.Exact("port", port).Action("uplink_port").Param("arp_port", arp).Param("gateway_mac", mac)
            .Param("tunnel_ip", tunnel is null ? 0 : Ipv4.Value(tunnel))
            .Param("tunnel_mac", tunnel is null ? 0 : Node.TunnelMac.Value)
            .Param("tunnel_port", tunnel is null ? 0 : (uint)Node.Tunnel.Port).Build());
    }

    private void CompileException(List<Entry> entries, uint port, uint? uplinkPort)
    {
        if (uplinkPort is { } uplink)
        {
            entries.Add(_portClass.Exact("port", port).Action("exception_port").Param("uplink", uplink).Build());
        }
    }

    // A pipeline without one of the names must be refused at start, not at the first attachment.
    private void ProbeNames()
    {
        var mac = new ACCOffload.NativeInterop.Addresses.MacAddress(0x020000000001);
        var spec = new EndpointSpec
        {
            Node = Node.Name,
            Origin = ApiOrigin.Offload,
            Key = new("probe", "probe", "probe"),
            Kind = EndpointKind.Pod,
            PortName = "probe",
            Mac = mac,
            Addresses = [new IPAddress([192, 0, 2, 1])],
        };
        Compile(new Endpoint(0, spec, false), 1, 1);
        Compile(new Endpoint(0, spec, false), 1, 1, sets: PolicySets.Pending);
        Compile(new Endpoint(0, spec with { Kind = EndpointKind.Host }, false), 1, 1);
        Compile(new Endpoint(0, spec with { Kind = EndpointKind.Uplink }, false), 1, 1);
        Compile(new Endpoint(0, spec with { Kind = EndpointKind.Exception }, false), 1, null, 1);
    }
}
