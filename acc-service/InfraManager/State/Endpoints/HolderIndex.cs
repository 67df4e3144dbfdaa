namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>Who holds something, by its name. Mostly one does; children of one parent share, by the thousand if need be.</summary>
internal sealed class HolderIndex<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, Endpoint> _single = [];
    private readonly Dictionary<TKey, Dictionary<long, Endpoint>> _shared = [];

    /// <summary>How many different things are held.</summary>
    public int Count => _single.Count;

    public IReadOnlyCollection<Endpoint> All(TKey key) =>
        _shared.TryGetValue(key, out var many) ? many.Values : _single.TryGetValue(key, out var one) ? [one] : [];

    /// <summary>Any of them, or null.</summary>
    public Endpoint? Any(TKey key) => _single.GetValueOrDefault(key);

    /// <summary>
    /// A holder that is none of the two, or null. Holders of one thing all share it with each other, so whoever can share it with one can
    /// with all.
    /// </summary>
    public Endpoint? Other(TKey key, long self, long over)
    {
        if (!_single.TryGetValue(key, out var any))
        {
            return null;
        }

        if (any.Id != self && any.Id != over)
        {
            return any;
        }

        return _shared.TryGetValue(key, out var many) ? many.Values.FirstOrDefault(e => e.Id != self && e.Id != over) : null;
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
