using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.Infra;

namespace ACCOffload.InfraManager.Api;

/// <summary>Converts a NatTranslation of the 24.01 API, a frontend with its backends, to a service.</summary>
internal static class NatTranslations
{
    /// <summary>The service is identified by address, port and protocol of the frontend, as in the 24.01 manager.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static ServiceKey KeyOf(NatTranslation request) => new(InfraAgentRequests.Network, FrontendOf(request).ToString());

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static ServiceSpec ToSpec(NatTranslation request, NodeSettings node)
    {
        var frontend = FrontendOf(request);
        // The agent requests masquerading with src_ep of the backends, only for node ports; these need it even without backends.
        var masqueraded = request.IsRealIp;
        var backends = new SortedDictionary<BackendKey, Backend>();
        for (var i = 0; i < request.Backends.Count; i++)
        {
            var (tuple, field) = (request.Backends[i], $"backends[{i}]");
            var key = ToBackend($"{field}.dst_ep", tuple.DstEp);
            // Two subsets of the Endpoints object may contain the same address.
            backends[key] = new Backend(
                key.Address,
                key.Port,
                SimpleService.PlaceOf(key.Address, node),
                Ready: true,
                Serving: true,
                Terminating: false,
                InCluster: true,
                InLocal: false);
            if (tuple.SrcEp is not { Ipv4Addr.Length: > 0 } source)
            {
                continue;
            }

            var address = InfraAgentRequests.ToAddress($"{field}.src_ep.ipv4_addr", source.Ipv4Addr);
            if (!node.NodeAddresses.Contains(address))
            {
                throw IntentException.Invalid(
                    $"{field}.src_ep.ipv4_addr", $"{address} is not an address of this node (Node:NodeAddresses)");
            }

            masqueraded = true;
        }

        var target = backends.Count > 0 ? FlowTarget.Cluster : FlowTarget.Refuse;
        var kind = request.IsRealIp ? FrontendKind.NodePort : FrontendKind.ClusterIP;
        // Outside flows are always masqueraded: replies have to return through this node, and the message has no traffic policy.
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

    /// <summary>The field of the backend with that address.</summary>
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
        var protocol = Transport.Find(request.Proto) ?? throw IntentException.Invalid("proto", request.Proto.Length == 0
            ? "empty"
            : $"\"{ConfigurationError.OneLine(request.Proto)}\" is not TCP, UDP or SCTP");
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
