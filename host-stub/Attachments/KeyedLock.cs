namespace ACCOffload.HostStub.Attachments;

/// <summary>A lock for each key, granted in the order of the requests; a key that is not in use takes no memory.</summary>
internal sealed class KeyedLock<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, Entry> _entries = [];

    /// <returns>Disposing it releases the key; null when the time limit expired first.</returns>
    public async Task<IDisposable?> AcquireAsync(TKey key, TimeSpan limit)
    {
        Entry entry;
        lock (_entries)
        {
            if (!_entries.TryGetValue(key, out entry!))
            {
                _entries[key] = entry = new Entry();
            }

            entry.Users++;
        }
        if (await entry.Semaphore.WaitAsync(limit))
        {
            return new Holder(this, key, entry);
        }

        Leave(key, entry);
        return null;
    }

    private void Leave(TKey key, Entry entry)
    {
        lock (_entries)
        {
            if (--entry.Users == 0)
            {
                _entries.Remove(key);
                entry.Semaphore.Dispose();
            }
        }
    }

    private sealed class Entry
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(KeyedLock<TKey> owner, TKey key, Entry entry) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) != 0)
            {
                return;
            }

            entry.Semaphore.Release();
            owner.Leave(key, entry);
        }
    }
}
