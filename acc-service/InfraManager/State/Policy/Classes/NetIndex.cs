using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The blocks that atoms name, found by longest prefix.</summary>
internal sealed class NetIndex
{
    private readonly Dictionary<PolicyNet, NetCell> _cells = [];
    private readonly SortedDictionary<int, int> _lengths = [];

    public IReadOnlyDictionary<PolicyNet, NetCell> Cells => _cells;

    public NetCell? Find(PolicyNet net) => _cells.GetValueOrDefault(net);

    public void Add(PolicyNet net, int atom)
    {
        if (!_cells.TryGetValue(net, out var cell))
        {
            _cells.Add(net, cell = new NetCell());
            _lengths[net.Length] = _lengths.GetValueOrDefault(net.Length) + 1;
        }

        cell.Own.Add(atom);
    }

    public void Remove(PolicyNet net, int atom) => _cells[net].Own.Remove(atom);

    /// <summary>Removes the block if no atom names it. Returns whether it did.</summary>
    public bool RemoveUnused(PolicyNet net)
    {
        if (!_cells.TryGetValue(net, out var cell) || cell.Own.Count > 0)
        {
            return false;
        }

        _cells.Remove(net);
        if (--_lengths[net.Length] == 0)
        {
            _lengths.Remove(net.Length);
        }

        return true;
    }

    /// <summary>The blocks that contain the given one, itself included, the largest first.</summary>
    public IEnumerable<(PolicyNet Net, NetCell Cell)> Around(PolicyNet net)
    {
        foreach (var length in _lengths.Keys)
        {
            if (length > net.Length)
            {
                yield break;
            }

            // A shorter prefix would be one of IPv6.
            if (net.IsIpv4 && length < PolicyAddress.MappedLength)
            {
                continue;
            }

            var around = PolicyNet.Around(net.First, length);
            if (_cells.TryGetValue(around, out var cell))
            {
                yield return (around, cell);
            }
        }
    }
}
