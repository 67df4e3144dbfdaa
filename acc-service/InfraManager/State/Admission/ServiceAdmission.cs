using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents about services against the model, as <see cref="EndpointAdmission"/> does those about endpoints: each either changes it
/// as asked, wholly, or throws and leaves it as it was. And keeps services true to the pods that come and go.
/// </summary>
internal sealed class ServiceAdmission
{
    /// <summary>Backends of other nodes that drain, of all services. The oldest give way to new ones.</summary>
    public const int MostDrains = 16384;

    private readonly NetworkModel _model;
    private readonly NodeSettings _node;
    private readonly TimeProvider _time;
    private readonly PointerPool? _pointers;
    private readonly ServicePlanner _planner;

    /// <param name="model">What is decided against.</param>
    /// <param name="node">The node.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public ServiceAdmission(NetworkModel model, NodeSettings node, TimeProvider? time = null)
    {
        _model = model;
        _node = node;
        _time = time ?? TimeProvider.System;
        _pointers = _node.Profile.Services is { } package ? new PointerPool(model, package.MaxPointers) : null;
        _planner = new ServicePlanner(_node.Name, _model.ServiceIds.Next, _model.Endpoints.PodAt, _model.Services.NumberOf,
            _model.Services.FrontendNumberOf)
        {
            Pointers = _pointers is null ? null : _pointers.Next,
            // A package can't tell a backend that drains from others.
            Now = _node.Profile.Services is null ? Now : null,
            BucketsFor = _node.Profile.Services is null ? BucketAssignment.CountFor : _node.Profile.Services.BucketsFor,
        };
    }

    /// <summary>
    /// Takes over what was made for another pipeline. Services that can't be in this one are removed: whoever watches the cluster makes
    /// them anew. Numbers that a package's services have are not given out to others.
    /// </summary>
    public void Adapt()
    {
        if (_model.Services.Values.SelectMany(PointerPool.Of).DefaultIfEmpty().Max() is var most && most > _model.ServiceIds.Last)
        {
            _model.ServiceIds.SetLast(most);
        }

        if (_node.Profile.Services is not { } package)
        {
            return;
        }

        foreach (var service in _model.Services.Values.ToList())
        {
            if (package.Limit(service.Spec) != service.Spec || PointerPool.Of(service).Any(p => p > package.MaxPointers))
            {
                _model.Services.Set(service.Key, null);
            }
        }
    }

    /// <summary>
    /// Goes on with numbers after the target's mark. Those beyond <paramref name="trusted"/> that services have were given before the mark
    /// was known, and are replaced: they were on no target yet, and there they may name something else.
    /// </summary>
    /// <returns>The owners of entries that are others now.</returns>
    public IReadOnlySet<OwnerId> GoOnFrom(uint mark, uint trusted)
    {
        _model.ServiceIds.SetLast(Math.Max(mark, _model.ServiceIds.Last));
        return Renumber(trusted);
    }

    /// <summary>Begins with the first number again, when no learned flow can hold one.</summary>
    /// <returns>The owners of entries that are others now.</returns>
    public IReadOnlySet<OwnerId> BeginAnew()
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

        // What is planned stays so until a specification or a pod changes, and then it is planned at once.
        _pointers?.Begin();
        if (intent.Spec is not null && EndReplaced(intent.Spec))
        {
            former = _model.Services.Find(intent.Key);
        }

        var next = former is not null && former.Spec == intent.Spec ? former : _planner.Next(former, intent.Spec);
        CheckPointers(intent.Spec, next);
        if (next is not null)
        {
            TakeOver(next);
        }

        TakeOverBackends(intent.Key, next);

        _model.Services.Set(intent.Key, next);
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

        if (context.AddsRefused is { } refused)
        {
            throw refused;
        }

        var next = intent.Apply(_model.Snat.Current);
        if (next.Prefixes.Count > SnatRules.MaxPrefixes)
        {
            throw new IntentException(
                IntentError.ResourceExhausted, $"there are {SnatRules.MaxPrefixes} prefixes already, no more are taken", "prefix");
        }

        _model.Snat.Set(next);
        context.Changed(OwnerId.Node, default);
        return new SnatOutcome(_model.Snat.Current);
    }

    /// <summary>
    /// Gives services what follows from the endpoints and services that were added and removed since <paramref name="mark"/>.
    /// </summary>
    /// <param name="mark">Of the model, before the change.</param>
    /// <param name="progress">Called between services: a pod may be a backend of many.</param>
    public void Follow(int mark, Action? progress = null)
    {
        FollowPods(mark, progress);
        if (_model.Services.Drains.Count > MostDrains)
        {
            End(_model.Services.Drains.All.Take(_model.Services.Drains.Count - MostDrains), progress);
        }

        GiveBack(mark);
    }

    /// <summary>Whether a backend has drained for as long as it may.</summary>
    public bool HasOverdueDrains => _model.Services.Drains.Oldest is { } oldest && IsOverdue(oldest);

    /// <summary>Ends the backends that have drained for as long as they may.</summary>
    public void EndOverdueDrains(Action? progress = null) => End(_model.Services.Drains.All.TakeWhile(IsOverdue), progress);

    private bool IsOverdue(Drain drain) => Now() - drain.Since >= ServicePlanner.LongestDrain;

    private long Now() => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>
    /// A pod that gets an address ends what the one before it had there. Pods on a host's network share its address: one that was there
    /// already replaces nobody.
    /// </summary>
    private bool EndReplaced(ServiceSpec spec)
    {
        if (_model.Services.Drains.Count == 0)
        {
            return false;
        }

        List<Drain> over = [.. spec.Ports.SelectMany(p => p.Backends)
            .Where(b => b.Uid != 0 && _model.Services.Drains.At(b.Address).Count > 0).DistinctBy(b => (b.Address, b.Uid))
            .Where(b => !IsKnown(b)).SelectMany(b => _model.Services.Drains.At(b.Address).Where(d => d.Uid != b.Uid)).Distinct()];
        End(over, null);
        return over.Count > 0;
    }

    private bool IsKnown(Backend backend) => _model.Services.With(backend.Address).SelectMany(s => s.Ports).SelectMany(p => p.Backends)
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

    private void FollowPods(int mark, Action? progress)
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var (id, old) in _model.Endpoints.ChangesSince(mark))
        {
            addresses.UnionWith(old?.Spec.Addresses ?? []);
            addresses.UnionWith(_model.Endpoints.Find(id)?.Spec.Addresses ?? []);
        }

        foreach (var service in addresses.SelectMany(_model.Services.With).DistinctBy(s => s.Id).OrderBy(s => s.Id).ToList())
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
        // What services share must not have two numbers for a moment.
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
    /// Plans a service again for what it is wanted to be. Without numbers for what is new it goes: what it had would lead to pods that are
    /// no more.
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
    /// A frontend that nobody has any more goes to who had it before, if flows through that one's still go on: without a row of its own it
    /// would lose them.
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
                if (_model.Services.HolderOf(key) is { } holder && holder.Key != spec.Key && IsLive(holder, key))
                {
                    throw IntentException.Held($"ports[{i}].frontends[{j}]", $"{key} belongs to service {holder.Key}");
                }
            }
        }
    }

    /// <summary>A package finds the frontend of a reply by the backend's address and port alone.</summary>
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
                if (Sharers(spec.Key, backend.Key, spec.Ports[i].Protocol)
                    .FirstOrDefault(s => s.Backend is { Draining: false }) is { Service: { } other })
                {
                    throw IntentException.Held($"ports[{i}].backends", $"{backend.Key} serves service {other.Key}, and {package.Name} can "
                        + "translate a backend's replies to one address only");
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
                    $"all {package.MaxPointers} row numbers of {package.Name} are in use",
                    $"ports[{i}]")
                { IsLasting = true };
            }
        }
    }

    /// <summary>What drains at another service gives its address and port up, and its flows with them.</summary>
    private void TakeOverBackends(ServiceKey by, ServiceState? next)
    {
        if (_node.Profile.Services is null || next is null)
        {
            return;
        }

        foreach (var (port, key) in next.Ports.SelectMany(p => p.Backends.Where(b => !b.Draining).Select(b => (p, b.Key))).ToList())
        {
            foreach (var (other, _) in Sharers(by, key, port.Protocol).DistinctBy(s => s.Service.Id).ToList())
            {
                _model.Services.Set(other.Key, ServicePlanner.GiveUp(_model.Services.Find(other.Key)!, key, port.Protocol));
            }
        }
    }

    private IEnumerable<(ServiceState Service, BackendState Backend)> Sharers(ServiceKey mine, BackendKey key, ProtocolType protocol) =>
        from service in _model.Services.With(key.Address)
        where service.Key != mine
        from port in service.Ports
        where port.Protocol == protocol
        from backend in port.Backends
        where backend.Key == key
        select (service, backend);

    /// <summary>
    /// A service that is gone but for its last flows gives its frontends up; the flows stay, since the new one's rows serve them, too.
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

    private static bool IsLive(ServiceState holder, FrontendKey key) =>
        holder.Ports.Any(p => p.Frontends.Any(f => !f.Retired && f.Key == key));

    private static FrontendKey KeyOf(ProtocolType protocol, Frontend frontend) => new(frontend.Address, protocol, frontend.Port);
}
