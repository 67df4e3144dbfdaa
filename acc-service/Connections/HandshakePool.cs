using Microsoft.AspNetCore.Connections;

namespace ACCOffload.Connections;

/// <summary>
/// Connections whose TLS handshake has not finished: a pool of their own, so that clients without a certificate take no room from those with one.
/// Beyond the bound the oldest one of the same address is closed, silent ones first: an address that only opens connections shuts nobody else
/// out, and a real handshake, which takes milliseconds, also gets through behind the same address.
/// </summary>
internal sealed class HandshakePool(int most, int mostPerAddress, RefusalLog refusals)
{
    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];

    /// <summary>One connection that is in its handshake.</summary>
    public sealed class Entry(ConnectionContext connection)
    {
        public ConnectionContext Connection { get; } = connection;

        public string Address { get; } = PeerName.GroupOf(connection);

        /// <summary>Whether the client has sent its ClientHello.</summary>
        public bool Spoke { get; set; }

        /// <summary>Whether the end of the handshake, good or bad, is dealt with.</summary>
        public bool Settled { get; set; }
    }

    /// <summary>Connections in it.</summary>
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

    /// <summary>Takes a new connection in; an older one may be closed for it.</summary>
    public Entry Enter(ConnectionContext connection)
    {
        var entry = new Entry(connection);
        Entry? victim = null;
        lock (_lock)
        {
            if (_entries.Count(e => e.Address == entry.Address) >= mostPerAddress)
            {
                victim = OldestOf(entry.Address);
            }
            else if (_entries.Count >= most)
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
            refusals.Refused(PeerName.Of(victim.Connection), "", RefusalReason.UnfinishedHandshakes, "its TLS handshake was not finished, and newer connections wait");
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
