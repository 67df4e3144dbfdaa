using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Compile;
using ACCOffload.InfraManager.Model;

namespace ACCOffload.InfraManager.Services;

/// <summary>
/// Decides intents about services against the model, as <see cref="Judge"/> does those about endpoints: each either changes it as asked, wholly, or throws
/// and leaves it as it was. And keeps services true to the pods that come and go.
/// </summary>
internal sealed class ServiceJudge(NetworkModel model, NodeSettings node)
{
    private readonly ServicePlanner _planner = new(node.Name, model.NextServiceNumber, model.PodAt, model.Services.NumberOf, model.Services.FrontendNumberOf);

    /// <param name="intent">What the service is from now on.</param>
    /// <param name="refused">Null while the target can be programmed; else why nothing can be set. What is removed is removed all the same.</param>
    /// <param name="changed">Told the owner of the service's entries.</param>
    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public ServiceOutcome Set(ServiceIntent intent, IntentException? refused, Action<OwnerId> changed)
    {
        var former = model.Services.Find(intent.Key);
        if (intent.Spec is { } spec)
        {
            ServiceRules.Check(spec, node);
            CheckFrontends(spec);
            if (refused is not null)
                throw refused;
        }
        else if (former is null)
        {
            return new ServiceOutcome(null);
        }

        // What is planned stays so until a specification or a pod changes, and then it is planned at once.
        var next = former is not null && former.Spec == intent.Spec ? former : _planner.Next(former, intent.Spec);
        foreach (var port in next?.Ports ?? [])
        {
            foreach (var frontend in port.Frontends.Where(f => !f.Retired))
                TakeOver(intent.Key, frontend.Key);
        }

        model.SetService(intent.Key, next);
        if ((next ?? former) is { } state && intent.Spec is not null)
            changed(OwnerId.OfService(state.Id));
        return new ServiceOutcome(next);
    }

    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public SnatOutcome Set(SnatIntent intent, IntentException? refused, Action<OwnerId> changed)
    {
        SnatRules.Check(intent);
        if (refused is not null)
            throw refused;
        var next = intent.Apply(model.Snat);
        if (next.Prefixes.Count > SnatRules.MaxPrefixes)
            throw new IntentException(IntentError.ResourceExhausted, $"there are {SnatRules.MaxPrefixes} prefixes already, no more are taken", "prefix");
        model.SetSnat(next);
        changed(OwnerId.Node);
        return new SnatOutcome(model.Snat);
    }

    /// <summary>Gives services what follows from the endpoints and services that were added and removed since <paramref name="mark"/>.</summary>
    public void Follow(int mark)
    {
        FollowPods(mark);
        GiveBack(mark);
    }

    private void FollowPods(int mark)
    {
        var addresses = new HashSet<IPAddress>();
        foreach (var (key, old) in model.ChangesSince(mark))
        {
            if (key.Kind != StateKind.Endpoint)
                continue;
            addresses.UnionWith((old as Endpoint)?.Spec.Addresses ?? []);
            addresses.UnionWith(model.Find((long)key.Name)?.Spec.Addresses ?? []);
        }

        foreach (var service in addresses.SelectMany(model.Services.With).DistinctBy(s => s.Id).OrderBy(s => s.Id).ToList())
            model.SetService(service.Key, _planner.Next(service, service.Spec));
    }

    /// <summary>
    /// A frontend that nobody has any more goes to who had it before, if flows through that one's still go on: without a row of its own it would lose them.
    /// </summary>
    private void GiveBack(int mark)
    {
        var left = model.ChangesSince(mark).Select(c => c.Old).OfType<ServiceState>()
            .SelectMany(s => s.Ports).SelectMany(p => p.Frontends).Where(f => !f.Taken).Select(f => f.Key).ToHashSet();
        foreach (var key in left)
        {
            if (model.Services.HolderOf(key) is null && model.Services.FormerHolderOf(key) is { } former)
                model.SetService(former.Key, ServicePlanner.TakeBack(former, key));
        }
    }

    private void CheckFrontends(ServiceSpec spec)
    {
        for (var i = 0; i < spec.Ports.Count; i++)
        {
            for (var j = 0; j < spec.Ports[i].Frontends.Count; j++)
            {
                var key = KeyOf(spec.Ports[i].Protocol, spec.Ports[i].Frontends[j]);
                if (model.Services.HolderOf(key) is { } holder && holder.Key != spec.Key && IsLive(holder, key))
                    throw IntentException.Held($"ports[{i}].frontends[{j}]", $"{key} belongs to service {holder.Key}");
            }
        }
    }

    /// <summary>A service that is gone but for its last flows gives the frontend up; the flows stay, since the new one's row serves them, too.</summary>
    private void TakeOver(ServiceKey by, FrontendKey key)
    {
        if (model.Services.HolderOf(key) is { } holder && holder.Key != by)
            model.SetService(holder.Key, ServicePlanner.GiveUp(holder, key));
    }

    private static bool IsLive(ServiceState holder, FrontendKey key) => holder.Ports.Any(p => p.Frontends.Any(f => !f.Retired && f.Key == key));

    private static FrontendKey KeyOf(ProtocolType protocol, Frontend frontend) => new(frontend.Address, protocol, frontend.Port);
}
