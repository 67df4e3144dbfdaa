using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Claims;

/// <summary>The content of a Sync: all attachments as of a sequence number.</summary>
internal sealed record SyncSnapshot(ulong Epoch, ulong Sequence, IReadOnlyList<Claim> Attached, IReadOnlyList<Claim> Released);

/// <summary>
/// All claims, in memory and on disk. A change is visible at once; its task completes when it is on disk. Memory and disk change in the
/// same order.
/// </summary>
internal sealed class ClaimTable
{
    private readonly Lock _lock = new();
    private readonly ClaimStore _store;
    private readonly Dictionary<AttachmentKey, Claim> _claims;
    // Attachments whose last change failed to reach the disk, with the number of that change.
    private readonly Dictionary<AttachmentKey, ulong> _unwritten = [];
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

    /// <summary>The number of pods' attachments in any state.</summary>
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

    /// <summary>The epoch that the ACC assigned to this process; 0 for none yet.</summary>
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

    /// <summary>The epoch and sequence number of the next request to the ACC.</summary>
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

    /// <summary>The host's own interface; null while it is not attached.</summary>
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
            return TrackAsync(claim.Key, _store.PutAsync(claim));
        }
    }

    /// <summary>Changes a claim in memory only, where a restart may lose the change.</summary>
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
            return TrackAsync(key, _store.RemoveAsync(key));
        }
    }

    /// <summary>
    /// Repeats failed writes, for example after a full disk: a removal continues even if its record could not be written. Always writes the
    /// current state, whichever change failed.
    /// </summary>
    /// <returns>True when disk and memory agree.</returns>
    public async Task<bool> CatchUpAsync()
    {
        await Task.WhenAll(RepeatedWrites()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            return _unwritten.Count == 0;
        }
    }

    private List<Task> RepeatedWrites()
    {
        lock (_lock)
        {
            var writes = new List<Task>();
            foreach (var (key, version) in _unwritten)
            {
                writes.Add(
                    CatchUpAsync(key, version, _claims.TryGetValue(key, out var claim) ? _store.PutAsync(claim) : _store.RemoveAsync(key)));
            }

            return writes;
        }
    }

    private async Task CatchUpAsync(AttachmentKey key, ulong version, Task write)
    {
        await write;
        lock (_lock)
        {
            // Unless a later change has failed in the meantime.
            if (_unwritten.TryGetValue(key, out var current) && current == version)
            {
                _unwritten.Remove(key);
            }
        }
    }

    // Called under the lock, so that the writes of an attachment reach the disk in order.
    private Task TrackAsync(AttachmentKey key, Task write)
    {
        var version = ++_version;
        // A failure that no caller awaits is repaired by the next CatchUpAsync.
        return ObserveAsync();

        async Task ObserveAsync()
        {
            try
            {
                await write;
            }
            catch
            {
                lock (_lock)
                {
                    _unwritten[key] = version;
                }

                throw;
            }
        }
    }

    /// <summary>Records that the claims include this host's attachments that the ACC held.</summary>
    public async Task SetCompleteAsync()
    {
        await _store.SetCompleteAsync();
        lock (_lock)
        {
            _isComplete = true;
        }
    }

    /// <summary>Sets whether the device is missing, unless the claim has changed since it was checked.</summary>
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

    /// <summary>Forgets the released claims of a snapshot that the ACC has confirmed.</summary>
    public void Confirm(SyncSnapshot snapshot)
    {
        lock (_lock)
        {
            foreach (var claim in snapshot.Released)
            {
                if (_claims.TryGetValue(claim.Key, out var current) && ReferenceEquals(current, claim))
                {
                    _claims.Remove(claim.Key);
                    _ = TrackAsync(claim.Key, _store.RemoveAsync(claim.Key));
                }
            }
        }
    }

    /// <summary>
    /// Sets the epoch that the ACC assigned. Sequence numbers continue, so that no earlier request can appear newer than a later one.
    /// </summary>
    public void BeginEpoch(ulong epoch)
    {
        lock (_lock)
        {
            _epoch = epoch;
        }
    }
}
