namespace ACCOffload.InfraManager.Model;

/// <summary>Who holds something, by its name. Mostly one does; children of one parent share.</summary>
internal sealed class HolderIndex<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, Endpoint> _single = [];
    private readonly Dictionary<TKey, List<Endpoint>> _shared = [];

    /// <summary>How many different things are held.</summary>
    public int Count => _single.Count;

    public IReadOnlyList<Endpoint> All(TKey key) =>
        _shared.TryGetValue(key, out List<Endpoint>? many) ? many : _single.TryGetValue(key, out Endpoint? one) ? [one] : [];

    /// <summary>Any of them, or null.</summary>
    public Endpoint? Any(TKey key) => _single.GetValueOrDefault(key);

    public void Add(TKey key, Endpoint endpoint)
    {
        if (_single.TryAdd(key, endpoint))
            return;
        if (_shared.TryGetValue(key, out List<Endpoint>? many))
            many.Add(endpoint);
        else
            _shared.Add(key, [_single[key], endpoint]);
    }

    public void Remove(TKey key, long id)
    {
        if (!_shared.TryGetValue(key, out List<Endpoint>? many))
        {
            _single.Remove(key);
            return;
        }

        many.RemoveAll(e => e.Id == id);
        _single[key] = many[0];
        if (many.Count == 1)
            _shared.Remove(key);
    }
}
