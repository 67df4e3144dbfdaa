using System.Net;
using ACCOffload.InfraManager.Model;

namespace ACCOffload.InfraManager.Services;

/// <summary>Assigns ids and buckets to what a service should be, from what was assigned before. Pure but for the ids that it takes.</summary>
/// <param name="nodeName">Lets each node prefer others of the backends, where there are more than buckets.</param>
/// <param name="newId">A number that was never given out, not 0.</param>
/// <param name="isAttached">Whether a pod of this node with that address is still there: until then the flows of its backends go on.</param>
internal sealed class ServicePlanner(string nodeName, Func<uint> newId, Func<IPAddress, bool> isAttached)
{
    /// <summary>Of one address and port, the one that gets flows and those that drain.</summary>
    private const int MostIncarnations = 8;

    /// <param name="former">Null for a new service.</param>
    /// <param name="spec">Null: the service is gone.</param>
    /// <returns>Null when nothing is left of the service, no flow either.</returns>
    public ServiceState? Next(ServiceState? former, ServiceSpec? spec)
    {
        var old = former?.Ports.ToDictionary(p => (p.Protocol, p.Port)) ?? [];
        var ports = new List<PortState>();
        foreach (var port in spec?.Ports ?? [])
        {
            old.Remove((port.Protocol, port.Port), out var was);
            ports.Add(Plan(was, port));
        }
        // In their former order, so that the outcome is a function of what went in.
        foreach (var gone in former?.Ports ?? [])
        {
            if (old.ContainsKey((gone.Protocol, gone.Port)) && Drained(gone) is { Backends.Count: > 0 } rest)
                ports.Add(rest);
        }
        if (spec is null && ports.Count == 0)
            return null;
        return new ServiceState(spec ?? new ServiceSpec(former!.Key, []), [.. ports]);
    }

    private PortState Plan(PortState? former, ServicePortSpec port)
    {
        var backends = Backends(former, port);
        var active = backends.Where(b => !b.Draining).ToDictionary(b => b.Key, b => b.Id);
        return new PortState(
            port.Protocol,
            port.Port,
            Frontends(former, [.. port.Frontends.Select(f => new FrontendKey(f.Address, port.Protocol, f.Port))], backends.Count > 0),
            Set(former?.Cluster, port, active, b => b.InCluster, FlowTarget.Cluster),
            Set(former?.Local, port, active, b => b.InLocal, FlowTarget.Local),
            [.. backends]);
    }

    /// <summary>A port that is gone: nobody gets new flows, a local pod keeps those that it has.</summary>
    private PortState Drained(PortState port)
    {
        BackendState[] left = [.. port.Backends.Where(StillHere).Select(b => b with { Draining = true })];
        return port with { Frontends = Frontends(port, [], left.Length > 0), Cluster = SetState.None, Local = SetState.None, Backends = [.. left] };
    }

    private SequenceOf<FrontendState> Frontends(PortState? former, IReadOnlyList<FrontendKey> keys, bool hasFlows)
    {
        var old = former?.Frontends.ToDictionary(f => f.Key) ?? [];
        var next = new List<FrontendState>();
        foreach (var key in keys)
            next.Add(new FrontendState(key, old.Remove(key, out var was) ? was.Id : newId(), Retired: false));
        if (hasFlows)
            next.AddRange(former?.Frontends.Where(f => old.ContainsKey(f.Key)).Select(f => f with { Retired = true }) ?? []);
        return [.. next];
    }

    private List<BackendState> Backends(PortState? former, ServicePortSpec port)
    {
        var listed = port.Backends.ToDictionary(b => b.Key);
        var next = new List<BackendState>();
        var active = new HashSet<BackendKey>();
        foreach (var was in former?.Backends ?? [])
        {
            var isListed = listed.TryGetValue(was.Key, out var now);
            var stays = isListed && (now!.InCluster || now.InLocal) && !was.Draining;
            if (stays)
                active.Add(was.Key);
            if (stays || isListed || StillHere(was))
                next.Add(was with { Place = now?.Place ?? was.Place, Draining = !stays });
        }
        // What never got a flow has none to keep: only eligible ones are new.
        next.AddRange(port.Backends.Where(b => (b.InCluster || b.InLocal) && active.Add(b.Key)).Select(b => new BackendState(b.Key, newId(), b.Place, false)));
        // Readiness that comes and goes leaves an incarnation behind each time; the oldest have the fewest flows.
        return [.. next.GroupBy(b => b.Key).OrderBy(g => g.Key).SelectMany(g => g.OrderBy(b => b.Id).TakeLast(MostIncarnations))];
    }

    private bool StillHere(BackendState backend) => backend.Place == BackendPlace.Local && isAttached(backend.Key.Address);

    private SetState Set(SetState? former, ServicePortSpec port, Dictionary<BackendKey, uint> active, Func<Backend, bool> isIn, FlowTarget target)
    {
        if (!port.Frontends.Any(f => f.Inside == target || f.Outside == target))
            return SetState.None;
        uint[] eligible = [.. port.Backends.Where(isIn).Select(b => b.Key).OrderBy(k => StableHash.Of(nodeName, k)).ThenBy(k => k).Select(k => active[k])];
        var buckets = BucketAssignment.Assign<uint>(former?.Buckets ?? [], eligible, BucketAssignment.CountFor(eligible.Length));
        return new SetState(former is { Id: > 0 } ? former.Id : newId(), [.. buckets]);
    }
}
