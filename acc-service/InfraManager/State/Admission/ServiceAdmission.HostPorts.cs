using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <content>Pods' host ports (<see cref="HostPortService"/>), which follow pods, services and the node's addresses.</content>
internal sealed partial class ServiceAdmission
{
    /// <summary>Plans the host ports of all pods again, because the node's addresses or its pipeline may have changed.</summary>
    public void FollowNode()
    {
        Endpoint[] endpoints = [.. _model.Endpoints.Values.Where(e => e.Spec.HostPorts.Count > 0).OrderBy(e => e.Id)];
        var keys = endpoints.Select(HostPortService.KeyOf).ToHashSet();
        foreach (var key in _model.Services.Keys.Where(k => HostPortService.Is(k) && !keys.Contains(k)).ToList())
        {
            _model.Services.Set(key, null);
        }

        SetHostPorts(endpoints);
    }

    /// <summary>Plans the host ports of pods that came, changed or went, and those that a service may have given up.</summary>
    private void FollowHostPorts(int mark, AdmissionContext? context)
    {
        var changed = new SortedDictionary<long, Endpoint>();
        foreach (var (id, old) in _model.Endpoints.ChangesSince(mark))
        {
            var now = _model.Endpoints.Find(id);
            if (old is { Spec.HostPorts.Count: > 0 } && (now is not { Spec.HostPorts.Count: > 0 }
                || HostPortService.KeyOf(now) != HostPortService.KeyOf(old)))
            {
                _model.Services.Set(HostPortService.KeyOf(old), null);
            }

            if (now is { Spec.HostPorts.Count: > 0 })
            {
                changed[id] = now;
            }
        }

        var released = _model.Services.ChangesSince(mark).Where(c => !HostPortService.Is(c.Key)).SelectMany(c => HostPortsAt(c.Old?.Spec));
        SetHostPorts([.. changed.Values.Concat(released).DistinctBy(e => e.Id)]);
        foreach (var endpoint in changed.Values)
        {
            if (_model.Services.Find(HostPortService.KeyOf(endpoint)) is { } service)
            {
                context?.Changed(OwnerId.OfService(service.Id), endpoint.Key);
            }
        }
    }

    /// <summary>The pods with a host port at one of the service's frontends.</summary>
    private List<Endpoint> HostPortsAt(ServiceSpec? spec) => [.. (spec?.Ports ?? [])
        .SelectMany(p => p.Frontends.SelectMany(f => _model.Endpoints.HoldersOf(p.Protocol, f.Port))).DistinctBy(e => e.Id)];

    /// <summary>Plans these host ports. Twice: what one pod gives up the first time, another can get the second time.</summary>
    private void SetHostPorts(IReadOnlyCollection<Endpoint> owners)
    {
        for (var round = 0; round < 2; round++)
        {
            foreach (var owner in owners)
            {
                SetHostPorts(owner, null);
            }
        }
    }

    /// <param name="owner">The pod.</param>
    /// <param name="taker">A service that is about to take its frontends; null for none.</param>
    private void SetHostPorts(Endpoint owner, ServiceSpec? taker)
    {
        var key = HostPortService.KeyOf(owner);
        HashSet<FrontendKey> taken = [.. (taker?.Ports ?? []).SelectMany(p => p.Frontends.Select(f => KeyOf(p.Protocol, f)))];
        var spec = HostPortService.SpecOf(owner, _effective.Of(_model), f => taken.Contains(f) ? taker!.Key
            : _model.Services.LiveHolderOf(f) is { } holder && holder.Key != key ? holder.Key
            : null);
        if (_model.Services.Find(key)?.Spec == spec)
        {
            return;
        }

        try
        {
            Put(key, spec);
        }
        catch (IntentException)
        {
            // No IDs are left.
            _model.Services.Set(key, null);
        }
    }
}
