using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Claims;

/// <summary>What one Sync states: all attachments as of a sequence number.</summary>
internal sealed record SyncSnapshot(ulong Epoch, ulong Sequence, IReadOnlyList<Claim> Attached, IReadOnlyList<Claim> Released);

/// <summary>
/// All claims, in memory and durable. A change is visible at once; the task it returns ends when it is on disk.
/// Memory and disk change in the same order.
/// </summary>
internal sealed class ClaimTable
{
    private readonly Lock _lock = new();
    private readonly ClaimStore _store;
    private readonly Dictionary<AttachmentKey, Claim> _claims;
    // Attachments whose last change is not on disk, each with the number of the change.
    private readonly Dictionary<AttachmentKey, ulong> _behind = [];
    private ulong _version;
    private ulong _epoch;
    private ulong _sequence;
    private bool _isComplete;

    public ClaimTable(ClaimStore store)
    {
        _store = store;
        _isComplete = store.IsComplete;
        _claims = store.Load().ToDictionary(c => c.Key);
    }

    /// <inheritdoc cref="ClaimStore.IsComplete"/>
    public bool IsComplete
    {
        get
        {
            lock (_lock)
            {
                return _isComplete;
            }
        }
    }

    /// <summary>How many pods' attachments there are, however far they are.</summary>
    public int PodCount
    {
        get
        {
            lock (_lock)
            {
                return _claims.Values.Count(c => !c.IsHost);
            }
        }
    }

    /// <summary>The epoch that the ACC gave this process; 0 while it has not.</summary>
    public ulong Epoch
    {
        get
        {
            lock (_lock)
            {
                return _epoch;
            }
        }
    }

    /// <summary>The place of the next request to the ACC among all.</summary>
    public (ulong Epoch, ulong Sequence) NextSequence()
    {
        lock (_lock)
        {
            return (_epoch, ++_sequence);
        }
    }

    public Claim? Get(AttachmentKey key)
    {
        lock (_lock)
        {
            return _claims.GetValueOrDefault(key);
        }
    }

    /// <summary>The host's own interface while it is attached; null while it is not.</summary>
    public Claim? AttachedHost() => All().FirstOrDefault(c => c.IsHost && c.State == ClaimState.Attached);

    public IReadOnlyList<Claim> All()
    {
        lock (_lock)
        {
            return [.. _claims.Values];
        }
    }

    /// <summary>Records a claim.</summary>
    public Task PutAsync(Claim claim)
    {
        lock (_lock)
        {
            _claims[claim.Key] = claim;
            return Noted(claim.Key, _store.PutAsync(claim));
        }
    }

    /// <summary>Changes a claim in memory only: what a restart may forget.</summary>
    public void PutInMemory(Claim claim)
    {
        lock (_lock)
        {
            _claims[claim.Key] = claim;
        }
    }

    public Task RemoveAsync(AttachmentKey key)
    {
        lock (_lock)
        {
            _claims.Remove(key);
            return Noted(key, _store.RemoveAsync(key));
        }
    }

    /// <summary>
    /// Writes again what could not be written, for example because the disk was full: a removal goes on without its record. The newest state is written,
    /// whatever it was that failed.
    /// </summary>
    /// <returns>True when the disk has what memory has.</returns>
    public async Task<bool> CatchUpAsync()
    {
        await Task.WhenAll(BehindWrites()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            return _behind.Count == 0;
        }
    }

    private List<Task> BehindWrites()
    {
        lock (_lock)
        {
            var writes = new List<Task>();
            foreach (var (key, version) in _behind)
            {
                writes.Add(CatchUpAsync(key, version, _claims.TryGetValue(key, out var claim) ? _store.PutAsync(claim) : _store.RemoveAsync(key)));
            }

            return writes;
        }
    }

    private async Task CatchUpAsync(AttachmentKey key, ulong version, Task write)
    {
        await write;
        lock (_lock)
        {
            // Unless something newer has failed meanwhile.
            if (_behind.TryGetValue(key, out var current) && current == version)
            {
                _behind.Remove(key);
            }
        }
    }

    // Under the lock: writes of one attachment reach the disk in the order of their changes.
    private Task Noted(AttachmentKey key, Task write)
    {
        var version = ++_version;
        var noted = NoteAsync();
        // Whoever does not wait for it leaves the failure to the next catching up.
        _ = noted.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return noted;

        async Task NoteAsync()
        {
            try
            {
                await write;
            }
            catch
            {
                lock (_lock)
                {
                    _behind[key] = version;
                }

                throw;
            }
        }
    }

    /// <summary>What the ACC held of this host's attachments is among the claims from now on.</summary>
    public async Task SetCompleteAsync()
    {
        await _store.SetCompleteAsync();
        lock (_lock)
        {
            _isComplete = true;
        }
    }

    /// <summary>Marks or clears "the device is gone"; only of a claim that is still as it was looked at.</summary>
    public bool SetVanished(Claim seen, bool vanished, bool podGone)
    {
        lock (_lock)
        {
            if (!_claims.TryGetValue(seen.Key, out var current) || !ReferenceEquals(current, seen))
            {
                return false;
            }

            _claims[seen.Key] = current with { Vanished = vanished, PodGone = podGone };
            return true;
        }
    }

    public SyncSnapshot TakeSnapshot()
    {
        lock (_lock)
        {
            var attached = new List<Claim>(_claims.Count);
            var released = new List<Claim>();
            foreach (var claim in _claims.Values)
            {
                if (claim.State is ClaimState.Attaching or ClaimState.Attached && !claim.Vanished)
                {
                    attached.Add(claim);
                }
                else if (claim.State == ClaimState.Released)
                {
                    released.Add(claim);
                }
            }
            return new SyncSnapshot(_epoch, ++_sequence, attached, released);
        }
    }

    /// <summary>The ACC has confirmed a snapshot: what it had as released is forgotten.</summary>
    public void Confirm(SyncSnapshot snapshot)
    {
        lock (_lock)
        {
            foreach (var claim in snapshot.Released)
            {
                if (_claims.TryGetValue(claim.Key, out var current) && ReferenceEquals(current, claim))
                {
                    _claims.Remove(claim.Key);
                    _ = Noted(claim.Key, _store.RemoveAsync(claim.Key));
                }
            }
        }
    }

    /// <summary>The ACC gave this process an epoch. Requests go on being counted, so that none of before looks newer than one of after.</summary>
    public void BeginEpoch(ulong epoch)
    {
        lock (_lock)
        {
            _epoch = epoch;
        }
    }
}
