using System.Net;
using ACCOffload.InfraManager.Uplink;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>Records what was reported, in order.</summary>
internal sealed class RecordedNeighbors : INeighborSink
{
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, string?> _current = [];
    private readonly List<(IPAddress Address, string? Mac)> _changes = [];

    public int Snapshots { get; private set; }

    /// <summary>The neighbours now, by address; null for one that does not answer.</summary>
    public Dictionary<IPAddress, string?> Current
    {
        get
        {
            lock (_lock)
            {
                return new(_current);
            }
        }
    }

    public void Replace(IReadOnlyCollection<Neighbor> all)
    {
        lock (_lock)
        {
            Snapshots++;
            _current.Clear();
            foreach (var neighbor in all)
            {
                _current[neighbor.Address] = neighbor.Mac?.ToString();
            }
        }
    }

    public void Apply(Neighbor changed)
    {
        lock (_lock)
        {
            _current[changed.Address] = changed.Mac?.ToString();
            _changes.Add((changed.Address, changed.Mac?.ToString()));
        }
    }

    /// <summary>The MAC addresses reported for an address after the snapshot.</summary>
    public List<string?> ChangesOf(string address)
    {
        lock (_lock)
        {
            return [.. _changes.Where(c => c.Address.ToString() == address).Select(c => c.Mac)];
        }
    }

    public string? MacOf(string address) => Current.GetValueOrDefault(IPAddress.Parse(address));

    public override string ToString() => string.Join(", ", Current.Select(c => $"{c.Key} {c.Value ?? "-"}"));
}
