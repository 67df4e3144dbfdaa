using System.Net.Sockets;
using ACCOffload.InfraManager.State;
using ACCOffload.Protos.Infra;

namespace ACCOffload.InfraManager.Api;

/// <summary>Maps 24.01's NatTranslation, one frontend with its backends, to a service of its own.</summary>
internal static class NatTranslations
{
    /// <summary>Address, port and protocol name it, as in 24.01's store.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static ServiceKey KeyOf(NatTranslation request) => new(InfraAgentRequests.Network, FrontendOf(request).ToString());

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static ServiceSpec ToSpec(NatTranslation request, NodeSettings node)
    {
        var frontend = FrontendOf(request);
        // 24.01 asks for the node's source by the backends' src_ep, for node ports only; they need it even while there is no backend.
        var masqueraded = request.IsRealIp;
        var backends = new SortedDictionary<BackendKey, Backend>();
        for (var i = 0; i < request.Backends.Count; i++)
        {
            var (tuple, field) = (request.Backends[i], $"backends[{i}]");
            var key = ToBackend($"{field}.dst_ep", tuple.DstEp);
            // The same address may be told by two subsets of the Endpoints object.
            backends[key] = new Backend(key.Address, key.Port, SimpleService.PlaceOf(key.Address, node), Ready: true, Serving: true, Terminating: false, InCluster: true, InLocal: false);
            if (tuple.SrcEp is not { Ipv4Addr.Length: > 0 } source)
            {
                continue;
            }

            var address = InfraAgentRequests.ToAddress($"{field}.src_ep.ipv4_addr", source.Ipv4Addr);
            if (!node.NodeAddresses.Contains(address))
            {
                throw IntentException.Invalid($"{field}.src_ep.ipv4_addr", $"{address} is none of this node's addresses (Node:NodeAddresses)");
            }

            masqueraded = true;
        }

        var target = backends.Count > 0 ? FlowTarget.Cluster : FlowTarget.Refuse;
        var kind = request.IsRealIp ? FrontendKind.NodePort : FrontendKind.ClusterIP;
        // Flows from outside always: their replies have to come back here, and the message doesn't tell a Local traffic policy.
        return new ServiceSpec(
            KeyOf(request),
            [new ServicePortSpec(
                "",
                frontend.Protocol,
                frontend.Port,
                AffinitySeconds: 0,
                [new Frontend(frontend.Address, frontend.Port, kind, target, target, masqueraded, MasqueradeOutside: true, [])],
                [.. backends.Values])]);
    }

    /// <summary>Where a backend of that address is in the request.</summary>
    public static string BackendField(NatTranslation request, System.Net.IPAddress address)
    {
        for (var i = 0; i < request.Backends.Count; i++)
        {
            if (InfraAgentRequests.ToAddress("backends", request.Backends[i].DstEp.Ipv4Addr).Equals(address))
            {
                return $"backends[{i}].dst_ep";
            }
        }
        return "backends";
    }

    private static FrontendKey FrontendOf(NatTranslation request)
    {
        var endpoint = ToBackend("endpoint", request.Endpoint);
        var protocol = request.Proto.ToUpperInvariant() switch
        {
            "TCP" => ProtocolType.Tcp,
            "UDP" => ProtocolType.Udp,
            "SCTP" => ServiceText.Sctp,
            "" => throw IntentException.Invalid("proto", "empty"),
            _ => throw IntentException.Invalid("proto", $"\"{ConfigurationError.OneLine(request.Proto)}\" is neither TCP, UDP nor SCTP"),
        };
        return new FrontendKey(endpoint.Address, protocol, endpoint.Port);
    }

    private static BackendKey ToBackend(string field, NatEndpoint? endpoint)
    {
        if (endpoint is null)
        {
            throw IntentException.Invalid(field, "missing");
        }

        var address = InfraAgentRequests.ToAddress($"{field}.ipv4_addr", endpoint.Ipv4Addr);
        return endpoint.Port is > 0 and <= ushort.MaxValue
            ? new BackendKey(address, (ushort)endpoint.Port)
            : throw IntentException.Invalid($"{field}.port", $"{endpoint.Port} is outside 1..65535");
    }
}
