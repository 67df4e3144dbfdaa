using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents about services, as <see cref="EndpointAdmission"/> does for endpoints: each either changes the model completely as
/// requested, or throws and leaves it unchanged. It also updates services as their pods come and go.
/// </summary>
internal sealed partial class ServiceAdmission
{
    /// <summary>The maximum number of <see cref="Drain"/>s, over all services. New ones displace the oldest.</summary>
    public const int MaxDrains = 16384;

    private readonly NetworkModel _model;
    private readonly NodeSettings _node;
    private readonly EffectiveNode _effective;
    private readonly TimeProvider _time;
    private readonly PointerPool? _pointers;
    private readonly ServicePlanner _planner;

    /// <param name="model">The desired state.</param>
    /// <param name="node">The node.</param>
    /// <param name="time">The clock; null for the system clock.</param>
    public ServiceAdmission(NetworkModel model, NodeSettings node, TimeProvider? time = null)
    {
        _model = model;
        _node = node;
        _effective = new EffectiveNode(node);
        _time = time ?? TimeProvider.System;
        _pointers = _node.Profile.Services is { } package ? new PointerPool(model, package.MaxPointer) : null;
        _planner = new ServicePlanner(_node.Name, _model.ServiceIds.Next, _model.Endpoints.PodAt, _model.Services.EndpointIdOf,
            _model.Services.FrontendIdOf)
        {
            Pointers = _pointers is null ? null : _pointers.Next,
            // A package cannot distinguish a draining backend from others.
            Now = _node.Profile.Services is null ? Now : null,
            BucketsFor = _node.Profile.Services is null ? BucketAssignment.CountFor : _node.Profile.Services.BucketsFor,
        };
    }

    /// <summary>
    /// Adapts services that were planned for another pipeline. Services that this one cannot serve are removed; the cluster watch adds them
    /// again. IDs that a package's services use are not allocated to others.
    /// </summary>
    public void Adapt()
    {
        if (_model.Services.Values.SelectMany(PointerPool.Of).DefaultIfEmpty().Max() is var max && max > _model.ServiceIds.Last)
        {
            _model.ServiceIds.SetLast(max);
        }

        if (_node.Profile.Services is not { } package)
        {
            return;
        }

        // A 24.01 manager numbers without such a limit, and its numbers stay. Their count is limited.
        var room = package.MaxPointer;
        foreach (var service in _model.Services.Values.OrderBy(s => s.Id).ToList())
        {
            var pointers = PointerPool.Of(service).ToList();
            if (package.Limit(service.Spec) != service.Spec || pointers.Count > room
                || pointers.Any(p => p is 0 or > ServiceLimits.LargestPointer))
            {
                _model.Services.Set(service.Key, null);
            }
            else
            {
                room -= (uint)pointers.Count;
            }
        }
    }

    /// <summary>
    /// Continues numbering after the target's high-water mark. Service IDs above <paramref name="trusted"/> were allocated before the mark
    /// was known and are replaced: nothing was written to the target under them, and it may use the same numbers for something else.
    /// </summary>
    /// <returns>The owners whose entries changed.</returns>
    public IReadOnlySet<OwnerId> ContinueFrom(uint mark, uint trusted)
    {
        _model.ServiceIds.SetLast(Math.Max(mark, _model.ServiceIds.Last));
        return Renumber(trusted);
    }

    /// <summary>Restarts numbering, when no learned flow can refer to an ID.</summary>
    /// <returns>The owners whose entries changed.</returns>
    public IReadOnlySet<OwnerId> RestartNumbering()
    {
        _model.ServiceIds.SetLast(0);
        return Renumber(0);
    }

    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public ServiceOutcome Set(ServiceIntent intent, AdmissionContext context)
    {
        var former = _model.Services.Find(intent.Key);
        if (intent.Spec is { } spec)
        {
            CheckFrontends(spec);
            CheckBackends(spec);
            if (context.AddsRefused is { } refused)
            {
                throw refused;
            }
        }
        else if (former is null)
        {
            return new ServiceOutcome(null);
        }

        var mark = _model.Mark;
        ServiceState? next;
        try
        {
            foreach (var owner in HostPortsAt(intent.Spec))
            {
                SetHostPorts(owner, intent.Spec);
            }

            next = Put(intent.Key, intent.Spec);
        }
        catch (IntentException)
        {
            _model.UndoTo(mark);
            throw;
        }

        if ((next ?? former) is { } state && intent.Spec is not null)
        {
            context.Changed(OwnerId.OfService(state.Id), default);
        }

        return new ServiceOutcome(next);
    }

    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public SnatOutcome Set(SnatIntent intent, AdmissionContext context)
    {
        if (_node.Profile.Services is { } package && !intent.IsRemoval)
        {
            throw new IntentException(IntentError.FailedPrecondition, $"{package.Name} does not support masquerading");
        }

        if (context.AddsRefused is { } refused && !intent.IsRemoval)
        {
            throw refused;
        }

        var next = intent.Apply(_model.Snat.Current);
        if (next.Prefixes.Count > SnatRules.MaxPrefixes)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"there are already {SnatRules.MaxPrefixes} prefixes, the maximum", "prefix");
        }

        _model.Snat.Set(next);
        context.Changed(OwnerId.Node, default);
        return new SnatOutcome(_model.Snat.Current);
    }

    /// <summary>Updates services for the endpoints and services that were added or removed since <paramref name="mark"/>.</summary>
    /// <param name="mark">The model's mark before the change.</param>
    /// <param name="context">Learns which host ports the change adds. Its <see cref="AdmissionContext.Progress"/> is called between
    /// services, because a pod may be a backend of many.</param>
    public void Follow(int mark, AdmissionContext? context = null)
    {
        var progress = context?.Progress;
        FollowHostPorts(mark, context);
        FollowPods(mark, progress);
        if (_model.Services.Drains.Count > MaxDrains)
        {
            End(_model.Services.Drains.All.Take(_model.Services.Drains.Count - MaxDrains), progress);
        }

        GiveBack(mark);
    }

    /// <summary>Whether a drain has reached the time limit.</summary>
    public bool HasOverdueDrains => _model.Services.Drains.Oldest is { } oldest && IsOverdue(oldest);

    /// <summary>Ends drains that have reached the time limit.</summary>
    public void EndOverdueDrains(Action? progress = null) => End(_model.Services.Drains.All.TakeWhile(IsOverdue), progress);

    private bool IsOverdue(Drain drain) => Now() - drain.Since >= ServicePlanner.MaxDrainSeconds;

    private long Now() => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>
    /// A pod that gets an address ends the drain of the previous pod there. Pods on the host network share an address: a pod that was
    /// already known replaces none.
    /// </summary>
    private void EndReplacedDrains(ServiceSpec spec)
    {
        if (_model.Services.Drains.Count == 0)
        {
            return;
        }

        List<Drain> replaced = [.. spec.Ports.SelectMany(p => p.Backends)
            .Where(b => b.Uid != 0 && _model.Services.Drains.At(b.Address).Count > 0).DistinctBy(b => (b.Address, b.Uid))
            .Where(b => !IsKnown(b)).SelectMany(b => _model.Services.Drains.At(b.Address).Where(d => d.Uid != b.Uid)).Distinct()];
        End(replaced, null);
    }

    private bool IsKnown(Backend backend) => _model.Services.WithBackend(backend.Address)
        .SelectMany(s => s.Ports).SelectMany(p => p.Backends)
        .Any(b => b.Uid == backend.Uid && b.Since == 0 && b.Key.Address.Equals(backend.Address));

    private void End(IEnumerable<Drain> drains, Action? progress)
    {
        foreach (var ended in drains.ToLookup(d => d.Service, d => d.Backend))
        {
            progress?.Invoke();
            var service = _model.Services.Find(ended.Key)!;
            Replan(ServicePlanner.Without(service, ended.ToHashSet()), service);
        }
    }

    /// <summary>Plans a service, which takes over what other services have only for their remaining flows.</summary>
    private ServiceState? Put(ServiceKey key, ServiceSpec? spec)
    {
        _pointers?.Begin();
        if (spec is not null)
        {
            EndReplacedDrains(spec);
        }

        // A plan stays valid until a specification or a pod changes, and then it is replaced at once.
        var former = _model.Services.Find(key);
        var next = former is not null && former.Spec == spec ? former : _planner.Next(former, spec);
        CheckPointers(spec, next);
        if (next is not null)
        {
            TakeOver(next);
        }

        TakeOverBackends(key, next);
        _model.Services.Set(key, next);
        return next;
    }

    private void FollowPods(int mark, Action? progress)
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var (id, old) in _model.Endpoints.ChangesSince(mark))
        {
            addresses.UnionWith(old?.Spec.Addresses ?? []);
            addresses.UnionWith(_model.Endpoints.Find(id)?.Spec.Addresses ?? []);
        }

        foreach (var service in addresses.SelectMany(_model.Services.WithBackend).DistinctBy(s => s.Id).OrderBy(s => s.Id).ToList())
        {
            progress?.Invoke();
            _pointers?.Begin();
            Replan(service, service);
        }
    }

    private HashSet<OwnerId> Renumber(uint trusted)
    {
        var given = new Dictionary<uint, uint>();
        ServiceState[] former = [.. _model.Services.Values.Where(s => Renumbering.NumbersOf(s).Any(n => n > trusted)).OrderBy(s => s.Id)];
        // Remove all first: a backend incarnation that services share must never have two endpoint IDs.
        foreach (var service in former)
        {
            _model.Services.Set(service.Key, null);
        }

        var owners = new HashSet<OwnerId>();
        foreach (var service in former)
        {
            var renumbered = Renumbering.Of(service, Other);
            _model.Services.Set(service.Key, renumbered);
            owners.UnionWith([OwnerId.OfService(service.Id), OwnerId.OfService(renumbered.Id)]);
        }
        return owners;

        uint Other(uint number)
        {
            if (number <= trusted || number == 0)
            {
                return number;
            }

            if (!given.TryGetValue(number, out var other))
            {
                given.Add(number, other = _model.ServiceIds.Next());
            }

            return other;
        }
    }

    /// <summary>
    /// Plans a service again. If no IDs are left for new parts, the service is removed: its old entries would lead to pods that are gone.
    /// </summary>
    private void Replan(ServiceState former, ServiceState service)
    {
        ServiceState? next;
        try
        {
            next = _planner.Next(former, service.Spec);
        }
        catch (IntentException)
        {
            next = null;
        }
        _model.Services.Set(service.Key, next);
    }

    /// <summary>
    /// Gives a released frontend back to its former service if that service still has flows through it: without a row for the frontend,
    /// they would be lost.
    /// </summary>
    private void GiveBack(int mark)
    {
        var left = _model.Services.ChangesSince(mark).Select(c => c.Old).OfType<ServiceState>()
            .SelectMany(s => s.Ports).SelectMany(p => p.Frontends).Where(f => !f.Taken).Select(f => f.Key).ToHashSet();
        var back = left.Where(k => _model.Services.HolderOf(k) is null)
            .Select(k => (Key: k, Former: _model.Services.FormerHolderOf(k)?.Key)).Where(x => x.Former is not null)
            .ToLookup(x => x.Former!.Value, x => x.Key);
        foreach (var keys in back)
        {
            _model.Services.Set(keys.Key, ServicePlanner.TakeBack(_model.Services.Find(keys.Key)!, keys.ToHashSet()));
        }
    }

    private void CheckFrontends(ServiceSpec spec)
    {
        for (var i = 0; i < spec.Ports.Count; i++)
        {
            for (var j = 0; j < spec.Ports[i].Frontends.Count; j++)
            {
                var key = KeyOf(spec.Ports[i].Protocol, spec.Ports[i].Frontends[j]);
                if (_model.Services.LiveHolderOf(key) is { } holder && holder.Key != spec.Key && !HostPortService.Is(holder.Key))
                {
                    throw IntentException.AlreadyExists($"ports[{i}].frontends[{j}]", $"{key} belongs to service {holder.Key}");
                }
            }
        }
    }

    /// <summary>
    /// Checks that no other service uses the backends: a package finds the frontend of a reply by the backend's address and port alone.
    /// </summary>
    private void CheckBackends(ServiceSpec spec)
    {
        if (_node.Profile.Services is not { } package)
        {
            return;
        }

        for (var i = 0; i < spec.Ports.Count; i++)
        {
            foreach (var backend in spec.Ports[i].Backends.Where(b => (b.InCluster || b.InLocal) && spec.Ports[i].Frontends.Count > 0))
            {
                if (BackendsShared(spec.Key, backend.Key, spec.Ports[i].Protocol)
                    .FirstOrDefault(s => s.Backend is { Draining: false }) is { Service: { } other })
                {
                    throw IntentException.AlreadyExists($"ports[{i}].backends", $"{backend.Key} is a backend of service {other.Key}, and "
                        + $"{package.Name} can translate a backend's replies to one address only");
                }
            }
        }
    }

    private void CheckPointers(ServiceSpec? spec, ServiceState? next)
    {
        if (_node.Profile.Services is not { } package || spec is null || next is null)
        {
            return;
        }

        for (var i = 0; i < spec.Ports.Count; i++)
        {
            var held = next.Ports[i].Backends.Where(b => !b.Draining).Select(b => b.Key).ToHashSet();
            if (next.Ports[i].Frontends.Any(f => f.Id == 0)
                || spec.Ports[i].Backends.Any(b => (b.InCluster || b.InLocal) && !held.Contains(b.Key)))
            {
                throw new IntentException(
                    IntentError.ResourceExhausted,
                    $"all {package.MaxPointer} row numbers of {package.Name} are in use",
                    $"ports[{i}]")
                { IsLasting = true };
            }
        }
    }

    /// <summary>
    /// Backends that are draining at another service give up their address and port to this service, and lose their flows.
    /// </summary>
    private void TakeOverBackends(ServiceKey by, ServiceState? next)
    {
        if (_node.Profile.Services is null || next is null)
        {
            return;
        }

        foreach (var (port, key) in next.Ports.SelectMany(p => p.Backends.Where(b => !b.Draining).Select(b => (p, b.Key))).ToList())
        {
            foreach (var (other, _) in BackendsShared(by, key, port.Protocol).DistinctBy(s => s.Service.Id).ToList())
            {
                _model.Services.Set(other.Key, ServicePlanner.GiveUp(_model.Services.Find(other.Key)!, key, port.Protocol));
            }
        }
    }

    private IEnumerable<(ServiceState Service, BackendState Backend)> BackendsShared(
        ServiceKey self, BackendKey key, ProtocolType protocol) =>
        from service in _model.Services.WithBackend(key.Address)
        where service.Key != self
        from port in service.Ports
        where port.Protocol == protocol
        from backend in port.Backends
        where backend.Key == key
        select (service, backend);

    /// <summary>
    /// Another service that holds these frontends only for its remaining flows gives them up. The flows continue, because the new
    /// service's rows serve them too.
    /// </summary>
    private void TakeOver(ServiceState by)
    {
        var taken = by.Ports.SelectMany(p => p.Frontends).Where(f => !f.Retired)
            .Select(f => (f.Key, Holder: _model.Services.HolderOf(f.Key)?.Key)).Where(x => x.Holder is { } holder && holder != by.Key)
            .ToLookup(x => x.Holder!.Value, x => x.Key);
        foreach (var keys in taken)
        {
            _model.Services.Set(keys.Key, ServicePlanner.GiveUp(_model.Services.Find(keys.Key)!, keys.ToHashSet()));
        }
    }

    private static FrontendKey KeyOf(ProtocolType protocol, Frontend frontend) => new(frontend.Address, protocol, frontend.Port);
}
