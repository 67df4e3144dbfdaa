using System.Collections.Frozen;

namespace ACCOffload.SoftTarget.Ports;

/// <summary>
/// The ports. Numbers are assigned from 1 and reused as late as possible, least recently released first: a table entry that still refers to
/// a removed port must not soon point to a different one.
/// </summary>
internal sealed class PortTable(uint lastId)
{
    /// <summary>IFNAMSIZ minus the terminating null byte.</summary>
    private const int MaxNameLength = 15;

    private readonly Lock _lock = new();
    private readonly Queue<uint> _released = [];
    private uint _next = 1;
    private volatile FrozenDictionary<string, SoftPort> _ports = FrozenDictionary<string, SoftPort>.Empty;

    /// <summary>Snapshot of all ports by name.</summary>
    public FrozenDictionary<string, SoftPort> Ports => _ports;

    /// <summary>What is wrong with a port's name; null if it is a valid link name.</summary>
    public static string? CheckName(string name)
        => name.Length is 0 or > MaxNameLength ? $"a link's name has 1 to {MaxNameLength} characters"
            : name is "." or ".." || name.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0 || name.AsSpan().IndexOfAny('/', ':') >= 0
                ? "a link's name has no spaces, slashes, colons or unprintable characters"
                : null;

    /// <summary>Adds a port; an existing port is unchanged. Null if all port numbers are in use.</summary>
    public SoftPort? Add(string name, string type, out bool added)
    {
        lock (_lock)
        {
            added = false;
            if (_ports.TryGetValue(name, out var port))
            {
                return port;
            }

            uint id;
            if (_next <= lastId)
            {
                id = _next++;
            }
            else if (!_released.TryDequeue(out id))
            {
                return null;
            }

            port = new SoftPort(id, name, type);
            _ports = _ports.Append(new(name, port)).ToFrozenDictionary(StringComparer.Ordinal);
            added = true;
            return port;
        }
    }

    /// <summary>Removes a port; null if there is none.</summary>
    public SoftPort? Remove(string name)
    {
        lock (_lock)
        {
            if (!_ports.TryGetValue(name, out var port))
            {
                return null;
            }

            _ports = _ports.Where(p => p.Key != name).ToFrozenDictionary(StringComparer.Ordinal);
            _released.Enqueue(port.Id);
            return port;
        }
    }
}
