using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Decides which service owns a frontend that several services claim, for example an external IP that equals another service's cluster IP:
/// a cluster IP wins, then the older service, then the lower name. Not thread-safe.
/// </summary>
internal sealed class FrontendClaims
{
    private readonly Dictionary<FrontendKey, List<Claim>> _claims = [];
    private readonly Dictionary<ServiceKey, FrontendKey[]> _byService = [];

    public ServiceKey OwnerOf(FrontendKey key) => _claims[key][0].Service;

    /// <summary>
    /// Replaces the claims of a service. Adds the other services that gain or lose a frontend to <paramref name="affected"/>.
    /// </summary>
    public void Set(
        ServiceKey service, DateTimeOffset created, IEnumerable<(FrontendKey Key, FrontendKind Kind)> claims, ISet<ServiceKey> affected)
    {
        var next = claims.ToDictionary(c => c.Key, c => new Claim(c.Kind != FrontendKind.ClusterIP, created, service));
        foreach (var key in _byService.GetValueOrDefault(service) ?? [])
        {
            if (!next.ContainsKey(key))
            {
                Change(key, service, null, affected);
            }
        }
        foreach (var (key, claim) in next)
        {
            Change(key, service, claim, affected);
        }

        if (next.Count > 0)
        {
            _byService[service] = [.. next.Keys];
        }
        else
        {
            _byService.Remove(service);
        }
    }

    private void Change(FrontendKey key, ServiceKey service, Claim? claim, ISet<ServiceKey> affected)
    {
        if (!_claims.TryGetValue(key, out var list))
        {
            _claims.Add(key, list = []);
        }

        var before = list.Count > 0 ? list[0].Service : (ServiceKey?)null;
        list.RemoveAll(c => c.Service == service);
        if (claim is { } added)
        {
            list.Add(added);
            list.Sort();
        }
        var after = list.Count > 0 ? list[0].Service : (ServiceKey?)null;
        if (list.Count == 0)
        {
            _claims.Remove(key);
        }

        if (before == after)
        {
            return;
        }

        foreach (var other in new[] { before, after })
        {
            if (other is { } o && o != service)
            {
                affected.Add(o);
            }
        }
    }

    private readonly record struct Claim(bool IsExternal, DateTimeOffset Created, ServiceKey Service) : IComparable<Claim>
    {
        public int CompareTo(Claim other)
        {
            var byKind = IsExternal.CompareTo(other.IsExternal);
            var byAge = byKind != 0 ? byKind : Created.CompareTo(other.Created);
            return byAge != 0 ? byAge : Service.CompareTo(other.Service);
        }
    }
}
