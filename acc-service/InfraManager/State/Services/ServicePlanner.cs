using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>
/// Assigns ids and buckets to what a service should be, from what was assigned before. Pure but for the ids that it takes.
/// </summary>
/// <param name="nodeName">Lets each node prefer others of the backends, where there are more than buckets.</param>
/// <param name="newId">A number that was never given out, not 0.</param>
/// <param name="podAt">The pod of this node that has an address, 0 for none. Flows to a pod go on until it is detached, and never go to the
/// next one.</param>
/// <param name="endpointId">The id of an incarnation that some service has as a backend; 0 where none has.</param>
/// <param name="frontendId">The id of a frontend that some service has or had, while flows through it go on; 0 where none has.</param>
internal sealed class ServicePlanner(
    string nodeName, Func<uint> newId, Func<IPAddress, long> podAt, Func<IncarnationKey, uint> endpointId,
    Func<FrontendKey, uint> frontendId)
{
    /// <summary>Of one address and port, the one that gets flows and those that drain.</summary>
    private const int MostIncarnations = 8;

    /// <summary>
    /// How long, in seconds, what left the slices may keep its connections: as long as the pipeline remembers a silent one.
    /// </summary>
    public const long LongestDrain = 43200;

    /// <summary>
    /// The time, in seconds since 1970; null: what is not this node's keeps nothing once it is not in the slices any more.
    /// </summary>
    public Func<long>? Now { get; init; }

    /// <summary>
    /// Numbers of frontends and backends, which a package's rows point to: 0 where there are no more. Null: they are numbers like all
    /// others.
    /// </summary>
    public Func<uint>? Pointers { get; init; }

    /// <summary>How many buckets a set of so many backends has.</summary>
    public Func<int, int> BucketsFor { get; init; } = BucketAssignment.CountFor;

    /// <param name="former">Null for a new service.</param>
    /// <param name="spec">Null: the service is gone.</param>
    /// <returns>Null when nothing is left of the service, no flow either.</returns>
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
        // In their former order, so that the outcome is a function of what went in.
        foreach (var gone in former?.Ports ?? [])
        {
            if (old.TryGetValue((gone.Protocol, gone.Port), out var was) && Drained(was) is { Backends.Count: > 0 } rest)
            {
                ports.Add(rest);
            }
        }
        // One that can't be served is kept without ports, so that it is shown.
        if (ports.Count == 0 && spec is not { IsUnserved: true })
        {
            return null;
        }

        return new ServiceState(former?.Id ?? newId(), spec ?? new ServiceSpec(former!.Key, []), OnceEach(ports), Ranges(former, spec));
    }

    /// <summary>The same without these backends, before it is planned again.</summary>
    public static ServiceState Without(ServiceState state, IReadOnlySet<uint> backends) => state with
    {
        Ports = [.. state.Ports.Select(p => p.Backends.Any(b => backends.Contains(b.Id))
            ? p with { Backends = [.. p.Backends.Where(b => !backends.Contains(b.Id))] }
            : p)],
    };

    /// <summary>The same with these frontends, which are retired, given up: another service has them now.</summary>
    public static ServiceState GiveUp(ServiceState state, IReadOnlySet<FrontendKey> keys) =>
        state with { Ports = [.. state.Ports.Select(p => Take(p, keys, true))] };

    /// <summary>
    /// The same without the backends of this key that only drain: another service has the address and port now. Null when nothing is left.
    /// </summary>
    public static ServiceState? GiveUp(ServiceState state, BackendKey key, ProtocolType protocol)
    {
        PortState[] left = [.. state.Ports
            .Select(p => p.Protocol == protocol ? p with { Backends = [.. p.Backends.Where(b => !b.Draining || b.Key != key)] } : p)
            .Where((p, i) => i < state.Spec.Ports.Count || p.Backends.Count > 0)];
        return left.Length == 0 && !state.Spec.IsUnserved ? null : state with { Ports = [.. left] };
    }

    /// <summary>
    /// The same with frontends that were given up, and that nobody else has any more, taken back for what is left of their flows.
    /// </summary>
    public static ServiceState TakeBack(ServiceState state, IReadOnlySet<FrontendKey> keys)
    {
        var left = keys.ToHashSet();
        var ports = state.Ports.ToArray();
        // Of several ports that had one, the last.
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

    /// <summary>A port that is gone: nobody gets new flows, and whoever lives keeps those that he has.</summary>
    private PortState Drained(Former former)
    {
        var port = former.Port;
        var ended = former.Ended;
        BackendState[] left = [.. port.Backends.Select(b => Left(b, port.Protocol, ended)).OfType<BackendState>()];
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
    /// Within a service, too, a frontend that moved to another port is that one's; of retired ones the last keeps the address.
    /// </summary>
    private static SequenceOf<PortState> OnceEach(List<PortState> ports)
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
            // Detached: nothing that knew the pod may reach who comes after it.
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
            // Of a pod that is no more, another one with its address keeps nothing.
            if (isListed && !stays && IsAnother(was, now!))
            {
                continue;
            }

            if (isListed)
            {
                next.Add(was with { Place = now!.Place, Draining = !stays, Uid = now.Uid == 0 ? was.Uid : now.Uid, Since = 0 });
            }
            else if (Left(was, port.Protocol, ended) is { } left)
            {
                next.Add(left);
            }
        }
        // What never got a flow has none to keep: only eligible ones are new.
        foreach (var b in port.Backends.Where(b => (b.InCluster || b.InLocal) && active.Add(b.Key)))
        {
            var incarnation = new IncarnationKey(b.Key, port.Protocol, podAt(b.Address));
            if (NewPointer() is var pointer and not 0)
            {
                next.Add(new BackendState(b.Key, pointer, EndpointIdOf(incarnation, given), incarnation.Pod, b.Place,
                    Draining: false, b.Uid));
            }
        }
        // Readiness that comes and goes leaves an incarnation behind each time; the oldest have the fewest flows.
        return [.. next.GroupBy(b => b.Key).OrderBy(g => g.Key)
            .SelectMany(g => g.OrderBy(b => !b.Draining).ThenBy(b => b.Id).TakeLast(MostIncarnations))];
    }

    /// <summary>One number for all services, and all ports of this one, that have the incarnation.</summary>
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

    private static bool IsAnother(BackendState was, Backend now) => was.Uid != 0 && now.Uid != 0 && was.Uid != now.Uid;

    /// <summary>
    /// A backend that is in the slices no more, as long as it keeps its connections: a pod of this node until it is detached; another one
    /// as long as it may live, which is so if the cluster named the pod and it was not about to end. Of UDP nothing stays with who gets no
    /// new flows.
    /// </summary>
    private BackendState? Left(BackendState was, ProtocolType protocol, HashSet<BackendKey>? ended)
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
        // A clock that was wrong then counts from now on.
        var since = was.Since is 0 || was.Since > now ? now : was.Since;
        return (was.Since == 0 && ended?.Contains(was.Key) == true) || now - since >= LongestDrain
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

    /// <summary>A port as it was.</summary>
    /// <param name="Port">What was assigned to it.</param>
    /// <param name="Spec">What was wanted; null where it was gone already.</param>
    private sealed record Former(PortState Port, ServicePortSpec? Spec)
    {
        /// <summary>Those that were about to end when they were last seen.</summary>
        public HashSet<BackendKey> Ended => [.. (Spec?.Backends ?? []).Where(b => b.Terminating).Select(b => b.Key)];
    }

    private SequenceOf<RangesState> Ranges(ServiceState? former, ServiceSpec? spec)
    {
        var lists = new List<SequenceOf<IPNetwork>>();
        // All frontends of a service share one list, as a rule: comparing it with itself costs nothing, as hashing it would.
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
