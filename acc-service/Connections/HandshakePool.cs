using Microsoft.AspNetCore.Connections;

namespace ACCOffload.Connections;

/// <summary>
/// Connections in the TLS handshake. They have a pool of their own, so that clients without a certificate do not displace those with one.
/// Beyond the limit per address, the oldest connection of that address is closed; beyond the total limit, the oldest one of the address
/// with the most connections. Silent connections are closed first. So an address that only opens connections cannot lock out others, and a
/// real handshake, which takes milliseconds, succeeds even from the same address.
/// </summary>
internal sealed class HandshakePool(int max, int maxPerAddress, RefusalLog refusals)
{
    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];

    /// <summary>A connection in the TLS handshake.</summary>
    public sealed class Entry(ConnectionContext connection)
    {
        public ConnectionContext Connection { get; } = connection;

        public string Address { get; } = PeerName.GroupOf(connection);

        /// <summary>Whether the client has sent its ClientHello.</summary>
        public bool Spoke { get; set; }

        /// <summary>Whether the end of the handshake, good or bad, has been handled.</summary>
        public bool Settled { get; set; }
    }

    /// <summary>The number of connections.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Adds a connection. An older one may be closed to make room.</summary>
    public Entry Enter(ConnectionContext connection)
    {
        var entry = new Entry(connection);
        Entry? victim = null;
        lock (_lock)
        {
            if (_entries.Count(e => e.Address == entry.Address) >= maxPerAddress)
            {
                victim = OldestOf(entry.Address);
            }
            else if (_entries.Count >= max)
            {
                victim = OldestOf(_entries.CountBy(e => e.Address).MaxBy(c => c.Value).Key);
            }

            if (victim is not null)
            {
                victim.Settled = true;
                _entries.Remove(victim);
            }
            _entries.Add(entry);
        }
        if (victim is not null)
        {
            refusals.Refused(
                PeerName.Of(victim.Connection), "", RefusalReason.UnfinishedHandshakes,
                "its TLS handshake was not finished when newer connections arrived");
            victim.Connection.Abort(new ConnectionAbortedException("too many unfinished TLS handshakes"));
        }
        return entry;
    }

    public void Leave(Entry entry)
    {
        lock (_lock)
        {
            _entries.Remove(entry);
        }
    }

    private Entry OldestOf(string address)
    {
        Entry? oldest = null;
        foreach (var entry in _entries)
        {
            if (entry.Address != address)
            {
                continue;
            }

            if (!entry.Spoke)
            {
                return entry;
            }

            oldest ??= entry;
        }
        return oldest!;
    }
}
