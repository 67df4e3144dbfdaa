using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The different protocols and ports in each named-port set, whatever their addresses.</summary>
internal sealed class NamedPortIndex
{
    private readonly Dictionary<string, SortedDictionary<NamedPort, int>> _sets = new(StringComparer.Ordinal);

    public IReadOnlyCollection<NamedPort> Of(string set) => _sets.TryGetValue(set, out var ports) ? ports.Keys : [];

    /// <summary>Counts one address's ports in. Returns the sets that have another port now.</summary>
    public HashSet<string> Add(IEnumerable<NamedPort> ports)
    {
        var changed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var port in ports)
        {
            if (!_sets.TryGetValue(port.Set, out var counts))
            {
                _sets.Add(port.Set, counts = []);
            }

            if (!counts.TryGetValue(port, out var count))
            {
                changed.Add(port.Set);
            }

            counts[port] = count + 1;
        }

        return changed;
    }

    /// <summary>Counts one address's ports out. Returns the sets that have lost a port.</summary>
    public HashSet<string> Remove(IEnumerable<NamedPort> ports)
    {
        var changed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var port in ports)
        {
            var counts = _sets[port.Set];
            if (--counts[port] > 0)
            {
                continue;
            }

            counts.Remove(port);
            changed.Add(port.Set);
            if (counts.Count == 0)
            {
                _sets.Remove(port.Set);
            }
        }

        return changed;
    }
}
