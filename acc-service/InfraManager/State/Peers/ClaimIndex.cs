namespace ACCOffload.InfraManager.State.Peers;

/// <summary>The nodes that claim an address or range, by ID. The oldest claim holds.</summary>
internal sealed class ClaimIndex<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, SortedSet<uint>> _claims = [];

    /// <summary>The claimants, oldest first.</summary>
    public IEnumerable<uint> Of(TKey key) => _claims.GetValueOrDefault(key) ?? [];

    public bool Holds(uint id, TKey key) => _claims.TryGetValue(key, out var ids) && ids.Min == id;

    public void Add(IEnumerable<TKey> keys, uint id)
    {
        foreach (var key in keys)
        {
            if (!_claims.TryGetValue(key, out var ids))
            {
                _claims.Add(key, ids = []);
            }

            ids.Add(id);
        }
    }

    public void Remove(IEnumerable<TKey> keys, uint id)
    {
        foreach (var key in keys)
        {
            if (_claims.TryGetValue(key, out var ids) && ids.Remove(id) && ids.Count == 0)
            {
                _claims.Remove(key);
            }
        }
    }
}
