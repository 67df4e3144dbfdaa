using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>From a Service and its slices to what should be: a pure function. The model is kube-proxy 1.31.</summary>
internal static class ServiceResolver
{
    /// <param name="service">The Service.</param>
    /// <param name="slices">Its slices; those that don't count here are left out.</param>
    /// <param name="context">The node.</param>
    /// <param name="holder">Which service has a frontend that several claim.</param>
    /// <returns>Null when it is none of this proxy's.</returns>
    public static ServiceSpec? Resolve(ServiceObject service, IEnumerable<SliceObject> slices, ServiceContext context, Func<FrontendKey, ServiceKey> holder)
    {
        var key = new ServiceKey(service.Name.Namespace, service.Name.Name);
        if (service.Unreadable.Length > 0)
        {
            return new ServiceSpec(key, []).Withdrawn($"is not served: {service.Unreadable}");
        }

        if (!ServiceFrontends.IsServed(service, context))
        {
            return null;
        }

        if (ServiceBounds.WhyNotFrontends(ServiceFrontends.CountOf(service, context)) is { } tooManyFrontends)
        {
            return new ServiceSpec(key, []).Withdrawn($"is not served: {tooManyFrontends}");
        }

        SliceObject[] mine = [.. slices
            .Where(s => s is { HasProxyName: false, HasHeadlessLabel: false, Unreadable: "" } && s.Family == context.Family)
            .OrderBy(s => s.Name.Name, StringComparer.Ordinal)];
        var byPort = mine.SelectMany(s => s.Ports.Where(p => p.Port != 0 && p.Name is not null).Select(p => (Slice: s, Port: p)))
            .ToLookup(x => (x.Port.Name!, x.Port.Protocol), x => new PortOfSlice(x.Slice, x.Port.Port));
        // Some may be in two slices, and count twice; before they are known apart there may be too many to look at.
        var tooManyBackends = ServiceBounds.WhyNotBackends(service.Ports.Sum(p => byPort[(p.Name, p.Protocol)].Sum(s => (long)s.Slice.Endpoints.Count)));
        if (tooManyBackends is not null)
        {
            byPort = Array.Empty<PortOfSlice>().ToLookup(_ => ("", default(ProtocolType)));
        }

        var problems = slices.Where(s => s.Unreadable.Length > 0).OrderBy(s => s.Name.Name, StringComparer.Ordinal)
            .Select(s => new ServiceProblem($"slice {s.Name.Name}", $"its endpoints get nothing: {s.Unreadable}")).ToList();
        var access = AccessListOf(service, context, problems);
        var seen = new HashSet<(ProtocolType, ushort)>();
        var ports = new List<ServicePortSpec>();
        var readyHere = new HashSet<IPAddress>();
        foreach (var port in service.Ports)
        {
            if (seen.Add((port.Protocol, port.Port)))
            {
                ports.Add(ResolvePort(service, port, byPort, access, context, holder, key, problems, readyHere));
            }
        }
        if (AffinityClass.SecondsOf(service.AffinitySeconds) is var kept && kept != service.AffinitySeconds)
        {
            problems.Add(new ServiceProblem("session affinity", $"{service.AffinitySeconds} s are not among the pipeline's times: clients are kept for {kept} s"));
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

        return context.Node?.Package?.Limit(spec) ?? spec;
    }

    /// <summary>Who may send to the load balancer's addresses. A list that can't be applied denies every source: falling back to no list, or to the former one, would admit clients that it excludes.</summary>
    private static AccessList AccessListOf(ServiceObject service, ServiceContext context, List<ServiceProblem> problems)
    {
        SequenceOf<IPNetwork> ranges = [.. service.SourceRanges.Where(r => context.IsServed(r.BaseAddress)).OrderBy(r => r.ToString(), StringComparer.Ordinal)];
        var problem = service.SourceRangesProblem.Length > 0 ? service.SourceRangesProblem : ServiceBounds.WhyNotRanges(ranges.Count);
        if (problem is null)
        {
            return new AccessList(ranges, false);
        }

        problems.Add(new ServiceProblem(ServiceProblem.AccessList, $"denies every source: {problem}"));
        return new AccessList([], true);
    }

    private static ServicePortSpec ResolvePort(
        ServiceObject service, ServicePortObject port, ILookup<(string, ProtocolType), PortOfSlice> slices, AccessList access, ServiceContext context,
        Func<FrontendKey, ServiceKey> holder, ServiceKey key, List<ServiceProblem> problems, HashSet<IPAddress> readyHere)
    {
        var claimed = ServiceFrontends.Of(service, port, context).ToList();
        var isExternal = port.NodePort != 0 || claimed.Any(f => f.Kind != FrontendKind.ClusterIP);
        var candidates = Candidates(slices[(port.Name, port.Protocol)], context.NodeName);
        RefuseSctpPorts(port, claimed, candidates, problems);
        readyHere.UnionWith(candidates.Values.Where(c => c.IsLocal && c.Ready).Select(c => c.Address));

        // Even where the external policy is Local, what comes from inside the cluster goes to any endpoint.
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
            if (holder(frontend) is { } other && other != key)
            {
                problems.Add(new ServiceProblem($"frontend {frontend}", $"is served for {other}, which claims it before"));
                continue;
            }
            if (context.WhyNoFrontend(frontend.Address) is { } reason)
            {
                problems.Add(new ServiceProblem($"frontend {frontend}", $"is not served: {reason}"));
                continue;
            }
            var inside = kind == FrontendKind.ClusterIP && service.InternalTrafficLocal ? local : cluster;
            var outside = kind == FrontendKind.ClusterIP ? inside : service.ExternalTrafficLocal ? local : cluster;
            // With the policy Local the client's address is kept; cluster addresses are met from outside only by detour.
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
                context.NodeAddresses.Contains(c.Address) ? BackendPlace.Host : c.IsLocal ? BackendPlace.Local : BackendPlace.Remote,
                c.Ready,
                c.Serving,
                c.Terminating,
                selection.Cluster.Contains(c.Key),
                selection.Local.Contains(c.Key))
            {
                Uid = c.Uid,
            })]);
    }

    /// <summary>The endpoints of the port of the same name and protocol, each address and port once.</summary>
    private static Dictionary<BackendKey, Candidate> Candidates(IEnumerable<PortOfSlice> slices, string nodeName)
    {
        var found = new Dictionary<BackendKey, Candidate>();
        foreach (var (slice, number) in slices)
        {
            foreach (var e in slice.Endpoints)
            {
                var candidate = new Candidate(e.Address, number, e.NodeName == nodeName, e.Ready, e.Serving, e.Terminating, e.ZoneHints) { Uid = e.Uid };
                // While an endpoint moves between slices it is in both. kube-proxy takes either; here the better one, whatever the order.
                if (!found.TryGetValue(candidate.Key, out var other) || Rank(candidate) > Rank(other))
                {
                    found[candidate.Key] = candidate;
                }
            }
        }
        return found;
    }

    /// <summary>The endpoints of a slice, at one of its ports.</summary>
    private readonly record struct PortOfSlice(SliceObject Slice, ushort Number);

    private readonly record struct AccessList(SequenceOf<IPNetwork> Ranges, bool IsClosed);

    private static int Rank(Candidate c) => (c.IsLocal ? 8 : 0) + (c.Ready ? 4 : 0) + (c.Serving ? 2 : 0) + (c.Terminating ? 0 : 1);

    /// <summary>The pipeline can't mend SCTP's checksum, which a changed port spoils (CRC32c over the whole packet; addresses are not in it).</summary>
    private static void RefuseSctpPorts(
        ServicePortObject port, List<(FrontendKey Key, FrontendKind Kind)> claimed, Dictionary<BackendKey, Candidate> candidates, List<ServiceProblem> problems)
    {
        if (port.Protocol != ServiceText.Sctp)
        {
            return;
        }

        var subject = port.Name.Length > 0 ? $"port {port.Name}" : $"port {port.Port}";
        var foreign = candidates.Keys.Where(k => k.Port != port.Port).ToList();
        foreach (var key in foreign)
        {
            candidates.Remove(key);
        }

        if (foreign.Count > 0)
        {
            problems.Add(new ServiceProblem(subject, $"SCTP to a changed port ({port.Port} to {foreign.Min().Port}) is not supported: make targetPort {port.Port}"));
        }

        if (claimed.RemoveAll(f => f.Key.Port != port.Port) > 0)
        {
            problems.Add(new ServiceProblem(subject, $"SCTP to a changed port (node port {port.NodePort} to {port.Port}) is not supported: the node port is not served"));
        }
    }
}
