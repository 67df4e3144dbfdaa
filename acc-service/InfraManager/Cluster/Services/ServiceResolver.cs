using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>Computes a service's desired state from a Service and its slices, as kube-proxy 1.31 does. A pure function.</summary>
internal static class ServiceResolver
{
    /// <param name="service">The Service.</param>
    /// <param name="slices">Its slices; those that do not apply are ignored.</param>
    /// <param name="context">The node.</param>
    /// <param name="owner">Returns the service that owns a frontend.</param>
    /// <returns>Null if this node does not serve the service.</returns>
    public static ServiceSpec? Resolve(
        ServiceObject service, IEnumerable<SliceObject> slices, ServiceContext context, Func<FrontendKey, ServiceKey> owner)
    {
        var key = new ServiceKey(service.Name.Namespace, service.Name.Name);
        if (service.ReadError.Length > 0)
        {
            return new ServiceSpec(key, []).Withdrawn($"is not served: {service.ReadError}");
        }

        if (!ServiceFrontends.IsServed(service, context))
        {
            return null;
        }

        if (ServiceBounds.FrontendCountProblem(ServiceFrontends.CountOf(service, context)) is { } tooManyFrontends)
        {
            return new ServiceSpec(key, []).Withdrawn($"is not served: {tooManyFrontends}");
        }

        SliceObject[] served = [.. slices
            .Where(s => s is { HasProxyName: false, HasHeadlessLabel: false, ReadError: "" } && s.Family == context.Family)
            .OrderBy(s => s.Name.Name, StringComparer.Ordinal)];
        var byPort = served.SelectMany(s => s.Ports.Where(p => p.Port != 0 && p.Name is not null).Select(p => (Slice: s, Port: p)))
            .ToLookup(x => (x.Port.Name!, x.Port.Protocol), x => new PortOfSlice(x.Slice, x.Port.Port));
        // An upper bound, checked before duplicates are removed: there may be too many to process.
        var backendCount = service.Ports.Sum(p => byPort[(p.Name, p.Protocol)].Sum(s => (long)s.Slice.Endpoints.Count));
        var tooManyBackends = ServiceBounds.BackendCountProblem(backendCount);
        if (tooManyBackends is not null)
        {
            byPort = Array.Empty<PortOfSlice>().ToLookup(_ => ("", default(ProtocolType)));
        }

        var problems = slices.Where(s => s.ReadError.Length > 0).OrderBy(s => s.Name.Name, StringComparer.Ordinal)
            .Select(s => new ServiceProblem($"slice {s.Name.Name}", $"its endpoints receive no traffic: {s.ReadError}")).ToList();
        var access = AccessListOf(service, context, problems);
        var resolved = new HashSet<(ProtocolType, ushort)>();
        var ports = new List<ServicePortSpec>();
        var readyHere = new HashSet<IPAddress>();
        foreach (var port in service.Ports)
        {
            if (resolved.Add((port.Protocol, port.Port)))
            {
                ports.Add(ResolvePort(service, port, byPort, access, context, owner, key, problems, readyHere));
            }
        }

        var spec = new ServiceSpec(key, [.. ports])
        {
            HealthCheckNodePort = service.HealthCheckNodePort,
            ReadyHere = service.HealthCheckNodePort == 0 ? 0 : readyHere.Count,
            Problems = [.. problems],
        };
        if (tooManyBackends is not null)
        {
            return spec.Refused($"is not served: {tooManyBackends}");
        }

        return context.Node?.Profile.Services?.Limit(spec) ?? spec;
    }

    /// <summary>
    /// The sources allowed at the load balancer's addresses. A list that cannot be applied denies every source: without it, or with the
    /// previous list, excluded clients would be admitted.
    /// </summary>
    private static AccessList AccessListOf(ServiceObject service, ServiceContext context, List<ServiceProblem> problems)
    {
        SequenceOf<IPNetwork> ranges =
            [.. service.SourceRanges.Where(r => context.IsServed(r.BaseAddress)).OrderBy(r => r.ToString(), StringComparer.Ordinal)];
        var problem = service.SourceRangesProblem.Length > 0 ? service.SourceRangesProblem : ServiceBounds.RangeCountProblem(ranges.Count);
        if (problem is null)
        {
            return new AccessList(ranges, false);
        }

        problems.Add(new ServiceProblem(ServiceProblem.AccessList, $"denies every source: {problem}"));
        return new AccessList([], true);
    }

    private static ServicePortSpec ResolvePort(
        ServiceObject service,
        ServicePortObject port,
        ILookup<(string, ProtocolType), PortOfSlice> slices,
        AccessList access,
        ServiceContext context,
        Func<FrontendKey, ServiceKey> owner,
        ServiceKey key,
        List<ServiceProblem> problems,
        HashSet<IPAddress> readyHere)
    {
        var claimed = ServiceFrontends.Of(service, port, context).ToList();
        var isExternal = port.NodePort != 0 || claimed.Any(f => f.Kind != FrontendKind.ClusterIP);
        var candidates = Candidates(slices[(port.Name, port.Protocol)], context.NodeName);
        RejectSctpTranslation(port, claimed, candidates, problems);
        readyHere.UnionWith(candidates.Values.Where(c => c.IsLocal && c.Ready).Select(c => c.Address));

        // Traffic from inside the cluster to an external frontend goes to any endpoint, even if the external policy is Local.
        var selection = EndpointSelection.Of(
            candidates.Values,
            usesCluster: !service.InternalTrafficLocal || isExternal,
            usesLocal: service.InternalTrafficLocal || (service.ExternalTrafficLocal && isExternal),
            context.Zone);
        var cluster = selection.HasAny ? FlowTarget.Cluster : FlowTarget.Refuse;
        var local = !selection.HasAny ? FlowTarget.Refuse : selection.Local.Count > 0 ? FlowTarget.Local : FlowTarget.Drop;

        var frontends = new List<Frontend>();
        foreach (var (frontend, kind) in claimed)
        {
            if (owner(frontend) is { } other && other != key)
            {
                problems.Add(new ServiceProblem($"frontend {frontend}", $"is not served: it belongs to {other}"));
                continue;
            }
            if (context.FrontendProblem(frontend.Address) is { } reason)
            {
                problems.Add(new ServiceProblem($"frontend {frontend}", $"is not served: {reason}"));
                continue;
            }
            var inside = kind == FrontendKind.ClusterIP && service.InternalTrafficLocal ? local : cluster;
            var outside = kind == FrontendKind.ClusterIP ? inside : service.ExternalTrafficLocal ? local : cluster;
            // External policy Local preserves the client's address.
            var keepsSource = kind != FrontendKind.ClusterIP && service.ExternalTrafficLocal;
            frontends.Add(new Frontend(
                frontend.Address,
                frontend.Port,
                kind,
                inside,
                outside,
                MasqueradeInside: kind != FrontendKind.ClusterIP && !keepsSource,
                MasqueradeOutside: !keepsSource,
                kind == FrontendKind.LoadBalancer ? access.Ranges : [])
            {
                IsClosed = kind == FrontendKind.LoadBalancer && access.IsClosed,
            });
        }
        return new ServicePortSpec(
            port.Name,
            port.Protocol,
            port.Port,
            service.AffinitySeconds,
            [.. frontends.OrderBy(f => new BackendKey(f.Address, f.Port))],
            [.. candidates.Values.OrderBy(c => c.Key).Select(c => new Backend(
                c.Address,
                c.Port,
                context.IsOwn(c.Address) ? BackendPlace.Host : c.IsLocal ? BackendPlace.Local : BackendPlace.Remote,
                c.Ready,
                c.Serving,
                c.Terminating,
                selection.Cluster.Contains(c.Key),
                selection.Local.Contains(c.Key))
            {
                Uid = c.Uid,
            })]);
    }

    /// <summary>The endpoints of the slice ports, without duplicates.</summary>
    private static Dictionary<BackendKey, Candidate> Candidates(IEnumerable<PortOfSlice> slices, string nodeName)
    {
        var found = new Dictionary<BackendKey, Candidate>();
        foreach (var (slice, number) in slices)
        {
            foreach (var e in slice.Endpoints)
            {
                var isLocal = e.NodeName == nodeName;
                var candidate = new Candidate(e.Address, number, isLocal, e.Ready, e.Serving, e.Terminating, e.ZoneHints)
                {
                    Uid = e.Uid,
                };
                // An endpoint that moves between slices is in both for a while. kube-proxy takes either one; this takes the better one.
                if (!found.TryGetValue(candidate.Key, out var other) || Rank(candidate) > Rank(other))
                {
                    found[candidate.Key] = candidate;
                }
            }
        }
        return found;
    }

    /// <summary>A slice and one of its ports.</summary>
    private readonly record struct PortOfSlice(SliceObject Slice, ushort Number);

    private readonly record struct AccessList(SequenceOf<IPNetwork> Ranges, bool IsClosed);

    private static int Rank(Candidate c) => (c.IsLocal ? 8 : 0) + (c.Ready ? 4 : 0) + (c.Serving ? 2 : 0) + (c.Terminating ? 0 : 1);

    /// <summary>The pipeline cannot update SCTP's checksum (CRC32c over the whole packet) after changing a port.</summary>
    private static void RejectSctpTranslation(
        ServicePortObject port,
        List<(FrontendKey Key, FrontendKind Kind)> claimed,
        Dictionary<BackendKey, Candidate> candidates,
        List<ServiceProblem> problems)
    {
        if (port.Protocol != Transport.Sctp)
        {
            return;
        }

        var subject = port.Name.Length > 0 ? $"port {port.Name}" : $"port {port.Port}";
        var translated = candidates.Keys.Where(k => k.Port != port.Port).ToList();
        foreach (var key in translated)
        {
            candidates.Remove(key);
        }

        if (translated.Count > 0)
        {
            problems.Add(new ServiceProblem(
                subject,
                $"SCTP port translation ({port.Port} to {translated.Min().Port}) is not supported; set targetPort to {port.Port}"));
        }

        if (claimed.RemoveAll(f => f.Key.Port != port.Port) > 0)
        {
            problems.Add(new ServiceProblem(
                subject,
                $"SCTP port translation (node port {port.NodePort} to {port.Port}) is not supported; the node port is not served"));
        }
    }
}
