using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Computes replacements for a rejected service, so that its previous state does not stay in use: as much of the desired state as possible,
/// and nothing beyond it. A pure function.
/// </summary>
internal static class ServiceFallback
{
    /// <param name="wanted">The rejected state.</param>
    /// <param name="current">The applied state; null for none.</param>
    /// <param name="reason">Why it was rejected, in one line.</param>
    /// <returns>Replacements to try, best first; the last one has no table entries.</returns>
    public static IEnumerable<ServiceSpec> Of(ServiceSpec wanted, ServiceSpec? current, string reason)
    {
        if (wanted.IsUnserved)
        {
            yield return wanted with { Ports = [] };
            yield break;
        }
        var currentFrontends = current?.Ports.SelectMany(p => p.Frontends.Select(f => (p.Protocol, Frontend: f)))
            .ToDictionary(x => new FrontendKey(x.Frontend.Address, x.Protocol, x.Frontend.Port), x => x.Frontend) ?? [];
        var closed = Closed(wanted, currentFrontends, reason);
        if (!ReferenceEquals(closed, wanted))
        {
            yield return closed;
        }

        if (current is { IsUnserved: false })
        {
            yield return Reduced(closed, current, currentFrontends, reason);
        }

        var refused = $"is not served: {reason}";
        if (wanted.Ports.Any(p => p.Frontends.Count > 0))
        {
            yield return wanted.Refused(refused);
        }

        yield return wanted.Withdrawn(refused);
    }

    /// <summary>Makes frontends with new source ranges deny every source.</summary>
    private static ServiceSpec Closed(ServiceSpec wanted, Dictionary<FrontendKey, Frontend> currentFrontends, string reason)
    {
        bool IsNew(ServicePortSpec port, Frontend f) =>
            f.SourceRanges.Count > 0
            && (!currentFrontends.TryGetValue(new(f.Address, port.Protocol, f.Port), out var applied)
                || applied.SourceRanges != f.SourceRanges);
        if (!wanted.Ports.Any(p => p.Frontends.Any(f => IsNew(p, f))))
        {
            return wanted;
        }

        return wanted with
        {
            Ports = [.. wanted.Ports.Select(p => p with
            {
                Frontends = [.. p.Frontends.Select(f => IsNew(p, f) ? f with { SourceRanges = [], IsClosed = true } : f)],
            })],
            Problems = [new ServiceProblem(ServiceProblem.AccessList, $"denies every source: {reason}"), .. wanted.Problems],
        };
    }

    /// <summary>Keeps only backends and frontends that are already programmed: the tables may have no room for new ones.</summary>
    private static ServiceSpec Reduced(
        ServiceSpec wanted, ServiceSpec current, Dictionary<FrontendKey, Frontend> currentFrontends, string reason)
    {
        var ports = current.Ports.ToDictionary(
            p => (p.Protocol, p.Port), p => p.Backends.Where(b => b.InCluster || b.InLocal).Select(b => b.Key).ToHashSet());
        return wanted with
        {
            Ports = [.. wanted.Ports.Select(p => Reduced(p, ports.GetValueOrDefault((p.Protocol, p.Port)) ?? [], currentFrontends))],
            Problems =
            [
                new ServiceProblem(ServiceProblem.WholeService, $"is served without its new addresses and endpoints: {reason}"),
                .. wanted.Problems,
            ],
        };
    }

    private static ServicePortSpec Reduced(
        ServicePortSpec port, HashSet<BackendKey> known, Dictionary<FrontendKey, Frontend> currentFrontends)
    {
        Backend[] backends = [.. port.Backends.Select(b => known.Contains(b.Key) ? b : b with { InCluster = false, InLocal = false })];
        var hasCluster = backends.Any(b => b.InCluster);
        var hasLocal = backends.Any(b => b.InLocal);
        return port with
        {
            Backends = [.. backends],
            Frontends = [.. port.Frontends
                .Where(f => currentFrontends.ContainsKey(new(f.Address, port.Protocol, f.Port)))
                .Select(f => f with { Inside = Available(f.Inside), Outside = Available(f.Outside) })],
        };

        FlowTarget Available(FlowTarget target) => target switch
        {
            FlowTarget.Cluster when !hasCluster => FlowTarget.Refuse,
            FlowTarget.Local when !hasLocal => FlowTarget.Drop,
            _ => target,
        };
    }
}
