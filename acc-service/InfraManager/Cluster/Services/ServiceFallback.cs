using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// What is set in place of a service that was refused, so that its former state does not stay in force: as much of the wanted state as possible, and
/// nothing that is not wanted any more. Pure.
/// </summary>
internal static class ServiceFallback
{
    /// <param name="wanted">What was refused.</param>
    /// <param name="held">What is in force; null for nothing.</param>
    /// <param name="reason">Why it was refused, one line.</param>
    /// <returns>What to try, the best first; the last one writes no rows.</returns>
    public static IEnumerable<ServiceSpec> Of(ServiceSpec wanted, ServiceSpec? held, string reason)
    {
        if (wanted.IsUnserved)
        {
            yield return wanted with { Ports = [] };
            yield break;
        }
        var former = held?.Ports.SelectMany(p => p.Frontends.Select(f => (p.Protocol, Frontend: f)))
            .ToDictionary(x => new FrontendKey(x.Frontend.Address, x.Protocol, x.Frontend.Port), x => x.Frontend) ?? [];
        var closed = Closed(wanted, former, reason);
        if (!ReferenceEquals(closed, wanted))
        {
            yield return closed;
        }

        if (held is { IsUnserved: false })
        {
            yield return Reduced(closed, held, former, reason);
        }

        var refused = $"is not served: {reason}";
        if (wanted.Ports.Any(p => p.Frontends.Count > 0))
        {
            yield return wanted.Refused(refused);
        }

        yield return wanted.Withdrawn(refused);
    }

    /// <summary>Frontends whose source ranges are new deny every source.</summary>
    private static ServiceSpec Closed(ServiceSpec wanted, Dictionary<FrontendKey, Frontend> former, string reason)
    {
        bool IsNew(ServicePortSpec port, Frontend f) =>
            f.SourceRanges.Count > 0 && (!former.TryGetValue(new(f.Address, port.Protocol, f.Port), out var was) || was.SourceRanges != f.SourceRanges);
        if (!wanted.Ports.Any(p => p.Frontends.Any(f => IsNew(p, f))))
        {
            return wanted;
        }

        return wanted with
        {
            Ports = [.. wanted.Ports.Select(p => p with { Frontends = [.. p.Frontends.Select(f => IsNew(p, f) ? f with { SourceRanges = [], IsClosed = true } : f)] })],
            Problems = [new ServiceProblem(ServiceProblem.AccessList, $"denies every source: {reason}"), .. wanted.Problems],
        };
    }

    /// <summary>Only the backends and frontends that are already programmed: the rows of new ones may be what the tables have no room for.</summary>
    private static ServiceSpec Reduced(ServiceSpec wanted, ServiceSpec held, Dictionary<FrontendKey, Frontend> former, string reason)
    {
        var ports = held.Ports.ToDictionary(p => (p.Protocol, p.Port), p => p.Backends.Where(b => b.InCluster || b.InLocal).Select(b => b.Key).ToHashSet());
        return wanted with
        {
            Ports = [.. wanted.Ports.Select(p => Reduced(p, ports.GetValueOrDefault((p.Protocol, p.Port)) ?? [], former))],
            Problems = [new ServiceProblem(ServiceProblem.WholeService, $"is served without its new addresses and endpoints: {reason}"), .. wanted.Problems],
        };
    }

    private static ServicePortSpec Reduced(ServicePortSpec port, HashSet<BackendKey> known, Dictionary<FrontendKey, Frontend> former)
    {
        Backend[] backends = [.. port.Backends.Select(b => known.Contains(b.Key) ? b : b with { InCluster = false, InLocal = false })];
        var hasCluster = backends.Any(b => b.InCluster);
        var hasLocal = backends.Any(b => b.InLocal);
        return port with
        {
            Backends = [.. backends],
            Frontends = [.. port.Frontends.Where(f => former.ContainsKey(new(f.Address, port.Protocol, f.Port))).Select(f => f with { Inside = Left(f.Inside), Outside = Left(f.Outside) })],
        };

        FlowTarget Left(FlowTarget target) => target switch
        {
            FlowTarget.Cluster when !hasCluster => FlowTarget.Refuse,
            FlowTarget.Local when !hasLocal => FlowTarget.Drop,
            _ => target,
        };
    }
}
