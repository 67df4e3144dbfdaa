using System.Net;
using ACCOffload.InfraManager.Model;

namespace ACCOffload.InfraManager.Services;

/// <summary>Assigns ids and buckets to what a service should be, from what was assigned before. Pure but for the ids that it takes.</summary>
/// <param name="nodeName">Lets each node prefer others of the backends, where there are more than buckets.</param>
/// <param name="newId">A number that was never given out, not 0.</param>
/// <param name="isAttached">Whether a pod of this node with that address is still there: until then the flows of its backends go on.</param>
internal sealed class ServicePlanner(string nodeName, Func<uint> newId, Func<IPAddress, bool> isAttached)
{
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
        var ids = former?.Frontends.ToDictionary(f => f.Key, f => f.Id) ?? [];
        var backends = Backends(former, port);
        return new PortState(
            port.Protocol,
            port.Port,
            [.. port.Frontends.Select(f => new FrontendKey(f.Address, port.Protocol, f.Port)).Select(k => new FrontendState(k, ids.TryGetValue(k, out var id) ? id : newId()))],
            Set(former?.Cluster, port, backends, b => b.InCluster, FlowTarget.Cluster),
            Set(former?.Local, port, backends, b => b.InLocal, FlowTarget.Local),
            [.. backends.Values.OrderBy(b => b.Key)]);
    }

    /// <summary>A port that is gone: nobody gets new flows, a local pod keeps those that it has.</summary>
    private PortState Drained(PortState port) => port with
    {
        Frontends = [],
        Cluster = SetState.None,
        Local = SetState.None,
        Backends = [.. port.Backends.Where(StillHere).Select(b => b with { Draining = true })],
    };

    private Dictionary<BackendKey, BackendState> Backends(PortState? former, ServicePortSpec port)
    {
        var old = former?.Backends.ToDictionary(b => b.Key) ?? [];
        var next = new Dictionary<BackendKey, BackendState>();
        foreach (var backend in port.Backends)
        {
            var isEligible = backend.InCluster || backend.InLocal;
            old.Remove(backend.Key, out var was);
            // What never got a flow has none to keep.
            if (isEligible || was is not null)
                next.Add(backend.Key, new BackendState(backend.Key, was?.Id ?? newId(), backend.Place, !isEligible));
        }
        foreach (var gone in old.Values.Where(StillHere))
            next.Add(gone.Key, gone with { Draining = true });
        return next;
    }

    private bool StillHere(BackendState backend) => backend.Place == BackendPlace.Local && isAttached(backend.Key.Address);

    private SetState Set(SetState? former, ServicePortSpec port, Dictionary<BackendKey, BackendState> backends, Func<Backend, bool> isIn, FlowTarget target)
    {
        if (!port.Frontends.Any(f => f.Inside == target || f.Outside == target))
            return SetState.None;
        uint[] eligible = [.. port.Backends.Where(isIn).Select(b => b.Key).OrderBy(k => StableHash.Of(nodeName, k)).ThenBy(k => k).Select(k => backends[k].Id)];
        var buckets = BucketAssignment.Assign<uint>(former?.Buckets ?? [], eligible, BucketAssignment.CountFor(eligible.Length));
        return new SetState(former is { Id: > 0 } ? former.Id : newId(), [.. buckets]);
    }
}
