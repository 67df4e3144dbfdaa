using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Rules that need no other service: what a service must look like for the pipeline to serve it. Field names are those of the
/// specification.
/// </summary>
internal static class ServiceRules
{
    public const int MaxAffinitySeconds = 86400;
    private const int MaxName = 253;

    /// <param name="spec">The service.</param>
    /// <param name="node">The node.</param>
    /// <param name="claim">Set when the node's agent or an operator requests the service: restricts its addresses and names the request's
    /// fields. Null for services of the cluster.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(ServiceSpec spec, NodeSettings node, ServiceClaim? claim = null)
    {
        CheckKey(spec.Key);
        if (spec.Ports.Count == 0 && !spec.IsUnserved)
        {
            throw IntentException.Invalid("ports", "empty");
        }

        if (ServiceBounds.FrontendCountProblem(spec.Ports.Sum(p => (long)p.Frontends.Count)) is { } frontendsProblem)
        {
            throw IntentException.Invalid("ports", frontendsProblem);
        }

        if (ServiceBounds.BackendCountProblem(spec.Ports.Sum(p => (long)p.Backends.Count)) is { } backendsProblem)
        {
            throw IntentException.Invalid("ports", backendsProblem);
        }

        var names = new HashSet<(ProtocolType, ushort)>();
        var frontends = new HashSet<FrontendKey>();
        for (var i = 0; i < spec.Ports.Count; i++)
        {
            var port = spec.Ports[i];
            var field = $"ports[{i}]";
            if (port.Protocol is not (ProtocolType.Tcp or ProtocolType.Udp or Transport.Sctp))
            {
                throw IntentException.Invalid($"{field}.protocol", "must be TCP, UDP or SCTP");
            }

            if (!names.Add((port.Protocol, port.Port)))
            {
                throw IntentException.Invalid(field, $"{port.Port}/{Transport.NameOf(port.Protocol)} is listed twice");
            }

            if (port.AffinitySeconds is < 0 or > MaxAffinitySeconds)
            {
                throw IntentException.Invalid($"{field}.affinity", $"{port.AffinitySeconds} s is outside 0..{MaxAffinitySeconds}");
            }

            CheckFrontends(field, port, node, frontends, claim);
            CheckBackends(field, port, node, claim);
        }
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void CheckKey(ServiceKey key)
    {
        CheckName("namespace", key.Namespace);
        CheckName("name", key.Name);
        if (HostPortService.Is(key))
        {
            throw IntentException.Invalid("namespace", $"{key.Namespace} is reserved for the host ports of pods");
        }
    }

    /// <summary>Null, or why the address cannot be a frontend: traffic to someone else would be lost.</summary>
    public static string? FrontendProblem(IPAddress address, NodeSettings node)
    {
        if (address.AddressFamily != AddressFamily.InterNetwork)
        {
            return $"{address} is not IPv4; this pipeline carries IPv4 only";
        }

        if (address.Equals(node.Gateway))
        {
            return $"{address} is the gateway's address";
        }

        if (IsReserved(address))
        {
            return $"{address} is not a routable unicast address (loopback, link-local, multicast or reserved)";
        }

        foreach (var range in node.PodRanges)
        {
            if (range.Contains(address))
            {
                return $"{address} is in the pod range {range}";
            }
        }

        return null;
    }

    private static void CheckFrontends(string field, ServicePortSpec port, NodeSettings node, HashSet<FrontendKey> seen,
        ServiceClaim? claim)
    {
        for (var i = 0; i < port.Frontends.Count; i++)
        {
            var frontend = port.Frontends[i];
            var mine = $"{field}.frontends[{i}]";
            var key = new FrontendKey(frontend.Address, port.Protocol, frontend.Port);
            var reason = FrontendProblem(frontend.Address, node)
                ?? (claim is null ? null : ServiceClaim.FrontendProblem(frontend.Address, frontend.Port, node));
            if (reason is not null)
            {
                throw IntentException.Invalid(claim?.FrontendField ?? $"{mine}.address", reason);
            }

            CheckPort($"{mine}.port", frontend.Port);
            if (!seen.Add(key))
            {
                throw IntentException.Invalid(mine, $"{key} is listed twice");
            }

            if (port.Protocol == Transport.Sctp && port.Backends.FirstOrDefault(b => b.Port != frontend.Port) is { } other)
            {
                throw IntentException.Invalid($"{mine}.port", $"SCTP with a port change ({frontend.Port} to {other.Port}) is not "
                    + "supported: the pipeline cannot update the SCTP checksum");
            }

            if (ServiceBounds.RangeCountProblem(frontend.SourceRanges.Count) is { } rangesProblem)
            {
                throw IntentException.Invalid($"{mine}.source_ranges", rangesProblem);
            }

            if (frontend.IsClosed && frontend.SourceRanges.Count > 0)
            {
                throw IntentException.Invalid($"{mine}.source_ranges", "must be empty for a closed frontend");
            }

            for (var j = 0; j < frontend.SourceRanges.Count; j++)
            {
                if (frontend.SourceRanges[j].BaseAddress.AddressFamily != AddressFamily.InterNetwork)
                {
                    throw IntentException.Invalid($"{mine}.source_ranges[{j}]", $"{frontend.SourceRanges[j]} is not IPv4");
                }
            }
        }
    }

    private static void CheckBackends(string field, ServicePortSpec port, NodeSettings node, ServiceClaim? claim)
    {
        var seen = new HashSet<BackendKey>();
        for (var i = 0; i < port.Backends.Count; i++)
        {
            var backend = port.Backends[i];
            var mine = $"{field}.backends[{i}]";
            if (claim is not null && ServiceClaim.BackendProblem(backend.Address, node) is { } notClaimed)
            {
                throw IntentException.Invalid(claim.BackendField(backend.Address), notClaimed);
            }

            if (backend.Address.AddressFamily != AddressFamily.InterNetwork)
            {
                throw IntentException.Invalid($"{mine}.address", $"{backend.Address} is not IPv4; this pipeline carries IPv4 only");
            }

            if (IsReserved(backend.Address))
            {
                throw IntentException.Invalid($"{mine}.address",
                    $"{backend.Address} is not a routable unicast address (loopback, link-local, multicast or reserved)");
            }

            CheckPort($"{mine}.port", backend.Port);
            if (!seen.Add(backend.Key))
            {
                throw IntentException.Invalid(mine, $"{backend.Key} is listed twice");
            }
        }
    }

    private static void CheckPort(string field, ushort port)
    {
        if (port == 0)
        {
            throw IntentException.Invalid(field, "0 is outside 1..65535");
        }
    }

    private static void CheckName(string field, string name)
    {
        if (name.Length is 0 or > MaxName)
        {
            throw IntentException.Invalid(field, name.Length == 0 ? "empty" : $"longer than {MaxName} characters");
        }

        if (name.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0)
        {
            throw IntentException.Invalid(field, "only visible ASCII characters are allowed");
        }
    }

    // Link-local addresses, such as the gateway's, are not routed.
    private static bool IsReserved(IPAddress address) => !Ipv4.IsUnicast(address) || Ipv4.IsLinkLocal(address);
}
