using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Assigns IDs and buckets to the desired state of a service, based on the previous assignment. Pure apart from allocating IDs.
/// </summary>
/// <param name="nodeName">Seeds the choice when there are more backends than buckets, so that nodes choose different backends.</param>
/// <param name="newId">Allocates an unused ID other than 0.</param>
/// <param name="podAt">The endpoint ID of this node's pod with an address, 0 for none. Flows to a pod continue until it is detached, and
/// never go to its successor.</param>
/// <param name="endpointId">The ID of an incarnation that some service has as a backend; 0 when none has.</param>
/// <param name="frontendId">The ID of a frontend that some service has, or had while its flows continue; 0 when there is none.</param>
internal sealed class ServicePlanner(
    string nodeName, Func<uint> newId, Func<IPAddress, long> podAt, Func<IncarnationKey, uint> endpointId,
    Func<FrontendKey, uint> frontendId)
{
    /// <summary>Incarnations of one address and port: the one that gets flows, and those that drain.</summary>
    private const int MaxIncarnations = 8;

    /// <summary>
    /// How long, in seconds, a backend that left the slices may keep its connections: as long as the pipeline remembers an idle one.
    /// </summary>
    public const long MaxDrainSeconds = 43200;

    /// <summary>The current time in Unix seconds; null: only pods of this node keep their flows once they leave the slices.</summary>
    public Func<long>? Now { get; init; }

    /// <summary>
    /// Allocates the pointers that a package's rows use as IDs of frontends and backends; returns 0 when none is left. Null: they are
    /// allocated like all other IDs.
    /// </summary>
    public Func<uint>? Pointers { get; init; }

    /// <summary>The number of buckets for a set with this many backends.</summary>
    public Func<int, int> BucketsFor { get; init; } = BucketAssignment.CountFor;

    /// <param name="former">Null for a new service.</param>
    /// <param name="spec">Null: the service was deleted.</param>
    /// <returns>Null when nothing is left of the service, not even flows.</returns>
    public ServiceState? Next(ServiceState? former, ServiceSpec? spec)
    {
        var old = former?.Ports.Select((p, i) => new Former(p, i < former.Spec.Ports.Count ? former.Spec.Ports[i] : null))
            .ToDictionary(f => (f.Port.Protocol, f.Port.Port)) ?? [];
        var ports = new List<PortState>();
        var given = new Dictionary<IncarnationKey, uint>();
        foreach (var port in spec?.Ports ?? [])
        {
            old.Remove((port.Protocol, port.Port), out var was);
            ports.Add(Plan(was, port, given));
        }
        // In their former order, so that the result depends only on the inputs.
        foreach (var gone in former?.Ports ?? [])
        {
            if (old.TryGetValue((gone.Protocol, gone.Port), out var was) && PlanRemovedPort(was) is { Backends.Count: > 0 } rest)
            {
                ports.Add(rest);
            }
        }
        // A service that cannot be served is kept without ports, so that it is shown.
        if (ports.Count == 0 && spec is not { IsUnserved: true })
        {
            return null;
        }

        return new ServiceState(
            former?.Id ?? newId(), spec ?? new ServiceSpec(former!.Key, []), ResolveDuplicates(ports), Ranges(former, spec));
    }

    /// <summary>The state without these backends, to be planned again.</summary>
    public static ServiceState Without(ServiceState state, IReadOnlySet<uint> backends) => state with
    {
        Ports = [.. state.Ports.Select(p => p.Backends.Any(b => backends.Contains(b.Id))
            ? p with { Backends = [.. p.Backends.Where(b => !backends.Contains(b.Id))] }
            : p)],
    };

    /// <summary>The state with these retired frontends given up: another service has them now.</summary>
    public static ServiceState GiveUp(ServiceState state, IReadOnlySet<FrontendKey> keys) =>
        state with { Ports = [.. state.Ports.Select(p => Take(p, keys, true))] };

    /// <summary>
    /// The state without the draining backends of this address and port, which another service has now. Null when nothing is left.
    /// </summary>
    public static ServiceState? GiveUp(ServiceState state, BackendKey key, ProtocolType protocol)
    {
        PortState[] left = [.. state.Ports
            .Select(p => p.Protocol == protocol ? p with { Backends = [.. p.Backends.Where(b => !b.Draining || b.Key != key)] } : p)
            .Where((p, i) => i < state.Spec.Ports.Count || p.Backends.Count > 0)];
        return left.Length == 0 && !state.Spec.IsUnserved ? null : state with { Ports = [.. left] };
    }

    /// <summary>The state with given-up frontends that no other service has any more taken back for the remaining flows.</summary>
    public static ServiceState TakeBack(ServiceState state, IReadOnlySet<FrontendKey> keys)
    {
        var left = keys.ToHashSet();
        var ports = state.Ports.ToArray();
        // If several ports had the frontend, the last one gets it.
        for (var i = ports.Length - 1; i >= 0; i--)
        {
            var mine = ports[i].Frontends.Where(f => f.Taken && left.Contains(f.Key)).Select(f => f.Key).ToHashSet();
            if (mine.Count == 0)
            {
                continue;
            }

            ports[i] = Take(ports[i], mine, false);
            left.ExceptWith(mine);
        }
        return state with { Ports = [.. ports] };
    }

    private static PortState Take(PortState port, IReadOnlySet<FrontendKey> keys, bool taken) =>
        port.Frontends.Any(f => f.Retired && keys.Contains(f.Key))
        ? port with { Frontends = [.. port.Frontends.Select(f => f.Retired && keys.Contains(f.Key) ? f with { Taken = taken } : f)] }
        : port;

    private PortState Plan(Former? before, ServicePortSpec port, Dictionary<IncarnationKey, uint> given)
    {
        var former = before?.Port;
        var backends = Backends(before, port, given);
        var active = backends.Where(b => !b.Draining).ToDictionary(b => b.Key, b => b.Id);
        var draining = backends.Where(b => b.Draining).Select(b => b.Id).ToHashSet();
        return new PortState(
            port.Protocol,
            port.Port,
            Frontends(former, [.. port.Frontends.Select(f => new FrontendKey(f.Address, port.Protocol, f.Port))], backends.Count > 0),
            Set(former?.Cluster, port, active, draining, b => b.InCluster, FlowTarget.Cluster),
            Set(former?.Local, port, active, draining, b => b.InLocal, FlowTarget.Local),
            [.. backends]);
    }

    /// <summary>A removed port: it gets no new flows, and live backends keep those that they have.</summary>
    private PortState PlanRemovedPort(Former former)
    {
        var port = former.Port;
        var ended = former.Ended;
        BackendState[] left = [.. port.Backends.Select(b => KeepDraining(b, port.Protocol, ended)).OfType<BackendState>()];
        return port with
        {
            Frontends = Frontends(port, [], left.Length > 0),
            Cluster = SetState.None,
            Local = SetState.None,
            Backends = [.. left]
        };
    }

    private SequenceOf<FrontendState> Frontends(PortState? former, IReadOnlyList<FrontendKey> keys, bool hasFlows)
    {
        var old = former?.Frontends.ToDictionary(f => f.Key) ?? [];
        var next = new List<FrontendState>();
        foreach (var key in keys)
        {
            next.Add(new FrontendState(key, old.Remove(key, out var was) ? was.Id : FrontendIdOf(key), Retired: false));
        }

        if (hasFlows)
        {
            next.AddRange(former?.Frontends.Where(f => old.ContainsKey(f.Key)).Select(f => f with { Retired = true }) ?? []);
        }

        return [.. next];
    }

    private uint FrontendIdOf(FrontendKey key) => frontendId(key) is var known and not 0 ? known : NewPointer();

    /// <summary>
    /// Resolves frontends that moved between ports of the service: the live one has the address; among retired ones the last.
    /// </summary>
    private static SequenceOf<PortState> ResolveDuplicates(List<PortState> ports)
    {
        var holders = new Dictionary<FrontendKey, PortState>();
        foreach (var (port, frontend) in ports.SelectMany(p => p.Frontends.Select(f => (p, f))).Where(x => !x.f.Taken)
            .OrderByDescending(x => x.f.Retired))
        {
            holders[frontend.Key] = port;
        }

        return [.. ports.Select(p => p with
        {
            Frontends = [.. p.Frontends.Select(f => f.Retired && !f.Taken && !ReferenceEquals(holders[f.Key], p)
                ? f with { Taken = true }
                : f)],
        })];
    }

    private List<BackendState> Backends(Former? before, ServicePortSpec port, Dictionary<IncarnationKey, uint> given)
    {
        var (former, ended) = (before?.Port, before?.Ended);
        var listed = port.Backends.ToDictionary(b => b.Key);
        var next = new List<BackendState>();
        var active = new HashSet<BackendKey>();
        foreach (var was in former?.Backends ?? [])
        {
            // The pod was detached: old flows must not reach the next pod with its address.
            if (was.Pod != podAt(was.Key.Address))
            {
                continue;
            }

            var isListed = listed.TryGetValue(was.Key, out var now);
            var stays = isListed && (now!.InCluster || now.InLocal) && !was.Draining;
            if (stays)
            {
                active.Add(was.Key);
            }
            // Another pod has the address now and inherits no flows.
            if (isListed && !stays && IsReplacedPod(was, now!))
            {
                continue;
            }

            if (isListed)
            {
                next.Add(was with { Place = now!.Place, Draining = !stays, Uid = now.Uid == 0 ? was.Uid : now.Uid, Since = 0 });
            }
            else if (KeepDraining(was, port.Protocol, ended) is { } left)
            {
                next.Add(left);
            }
        }
        // A backend that never got a flow has nothing to keep, so only eligible ones are added.
        foreach (var b in port.Backends.Where(b => (b.InCluster || b.InLocal) && active.Add(b.Key)))
        {
            var incarnation = new IncarnationKey(b.Key, port.Protocol, podAt(b.Address));
            if (NewPointer() is var pointer and not 0)
            {
                next.Add(new BackendState(b.Key, pointer, EndpointIdOf(incarnation, given), incarnation.Pod, b.Place,
                    Draining: false, b.Uid));
            }
        }
        // Each flap of readiness leaves an incarnation behind; the oldest have the fewest flows.
        return [.. next.GroupBy(b => b.Key).OrderBy(g => g.Key)
            .SelectMany(g => g.OrderBy(b => !b.Draining).ThenBy(b => b.Id).TakeLast(MaxIncarnations))];
    }

    /// <summary>One ID per incarnation, shared by all services and by all ports of this one.</summary>
    private uint EndpointIdOf(IncarnationKey incarnation, Dictionary<IncarnationKey, uint> given)
    {
        if (endpointId(incarnation) is var known and not 0)
        {
            return known;
        }

        if (!given.TryGetValue(incarnation, out var id))
        {
            given.Add(incarnation, id = newId());
        }

        return id;
    }

    private uint NewPointer() => (Pointers ?? newId)();

    private static bool IsReplacedPod(BackendState was, Backend now) => was.Uid != 0 && now.Uid != 0 && was.Uid != now.Uid;

    /// <summary>
    /// Decides whether a backend that left the slices keeps its connections. A pod of this node does until it is detached. Another one does
    /// for a limited time, if the cluster named the pod and it was not terminating. UDP flows are not kept.
    /// </summary>
    private BackendState? KeepDraining(BackendState was, ProtocolType protocol, HashSet<BackendKey>? ended)
    {
        if (was.Pod != 0)
        {
            return was.Pod == podAt(was.Key.Address) ? was with { Draining = true } : null;
        }

        if (Now is null || was.Uid == 0 || protocol == ProtocolType.Udp || podAt(was.Key.Address) != 0)
        {
            return null;
        }

        var now = Now();
        // If the clock was ahead when the backend left, counting starts now.
        var since = was.Since is 0 || was.Since > now ? now : was.Since;
        return (was.Since == 0 && ended?.Contains(was.Key) == true) || now - since >= MaxDrainSeconds
            ? null
            : was with { Draining = true, Since = since };
    }

    private SetState Set(SetState? former, ServicePortSpec port, Dictionary<BackendKey, uint> active, HashSet<uint> draining,
        Func<Backend, bool> isIn, FlowTarget target)
    {
        if (!port.Frontends.Any(f => f.Inside == target || f.Outside == target))
        {
            return SetState.None;
        }

        uint[] eligible = [.. port.Backends.Where(isIn).Select(b => b.Key).Where(active.ContainsKey)
            .OrderBy(k => StableHash.Of(nodeName, k)).ThenBy(k => k).Select(k => active[k])];
        var buckets = BucketAssignment.Assign<uint>(former?.Buckets ?? [], eligible, BucketsFor(eligible.Length));
        if (former is not { Id: > 0 })
        {
            return new SetState(newId(), [.. buckets]);
        }

        var (successors, substitutes) = Succession.Next(former, eligible, draining);
        return new SetState(former.Id, [.. buckets], successors, substitutes);
    }

    /// <summary>The previous state of a port.</summary>
    /// <param name="Port">The previous assignment.</param>
    /// <param name="Spec">The previous specification; null when the port had been removed already.</param>
    private sealed record Former(PortState Port, ServicePortSpec? Spec)
    {
        /// <summary>The backends that were terminating when last seen.</summary>
        public HashSet<BackendKey> Ended => [.. (Spec?.Backends ?? []).Where(b => b.Terminating).Select(b => b.Key)];
    }

    private SequenceOf<RangesState> Ranges(ServiceState? former, ServiceSpec? spec)
    {
        var lists = new List<SequenceOf<IPNetwork>>();
        // Frontends of a service usually share one list. Comparing it with itself is cheap; hashing it is not.
        foreach (var frontend in (spec?.Ports ?? []).SelectMany(p => p.Frontends).Where(f => f.IsClosed || f.SourceRanges.Count > 0))
        {
            if (!lists.Contains(frontend.SourceRanges))
            {
                lists.Add(frontend.SourceRanges);
            }
        }
        return [.. lists.Select(list => former?.Ranges.FirstOrDefault(r => r.Ranges == list) ?? new RangesState(newId(), list))];
    }
}
