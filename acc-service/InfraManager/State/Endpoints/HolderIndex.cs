namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>
/// Endpoints by something they hold. Usually one endpoint holds it; children of one parent share it, possibly by the thousand.
/// </summary>
internal sealed class HolderIndex<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, Endpoint> _single = [];
    private readonly Dictionary<TKey, Dictionary<long, Endpoint>> _shared = [];

    /// <summary>The number of distinct keys.</summary>
    public int Count => _single.Count;

    public IReadOnlyCollection<Endpoint> All(TKey key) =>
        _shared.TryGetValue(key, out var many) ? many.Values : _single.TryGetValue(key, out var one) ? [one] : [];

    /// <summary>Any holder, or null.</summary>
    public Endpoint? Any(TKey key) => _single.GetValueOrDefault(key);

    /// <summary>
    /// A holder other than the two, or null. All holders of one key can share it with each other, so an endpoint that can share it with one
    /// can share it with all.
    /// </summary>
    public Endpoint? Other(TKey key, long self, long superseded)
    {
        if (!_single.TryGetValue(key, out var any))
        {
            return null;
        }

        if (any.Id != self && any.Id != superseded)
        {
            return any;
        }

        return _shared.TryGetValue(key, out var many) ? many.Values.FirstOrDefault(e => e.Id != self && e.Id != superseded) : null;
    }

    public void Add(TKey key, Endpoint endpoint)
    {
        if (_single.TryAdd(key, endpoint))
        {
            return;
        }

        if (_shared.TryGetValue(key, out var many))
        {
            many.Add(endpoint.Id, endpoint);
        }
        else
        {
            var first = _single[key];
            _shared.Add(key, new Dictionary<long, Endpoint> { [first.Id] = first, [endpoint.Id] = endpoint });
        }
    }

    public void Remove(TKey key, long id)
    {
        if (!_shared.TryGetValue(key, out var many))
        {
            _single.Remove(key);
            return;
        }

        many.Remove(id);
        if (_single[key].Id == id || many.Count == 1)
        {
            _single[key] = many.Values.First();
        }

        if (many.Count == 1)
        {
            _shared.Remove(key);
        }
    }
}
