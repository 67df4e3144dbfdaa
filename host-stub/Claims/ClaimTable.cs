namespace ACCOffload.HostStub.Claims;

/// <summary>What one Sync states: all attachments as of a sequence number.</summary>
internal sealed record SyncSnapshot(ulong Epoch, ulong Sequence, IReadOnlyList<string> Networks, IReadOnlyList<Claim> Attached, IReadOnlyList<Claim> Released);

/// <summary>
/// All claims, in memory and durable. A change is visible at once; the task it returns ends when it is on disk.
/// Memory and disk change in the same order.
/// </summary>
internal sealed class ClaimTable
{
    private readonly Lock _lock = new();
    private readonly ClaimStore _store;
    private readonly Dictionary<AttachmentKey, Claim> _claims;
    private readonly HashSet<string> _networks;
    private ulong _epoch;
    private ulong _sequence;

    public ClaimTable(ClaimStore store)
    {
        _store = store;
        _epoch = store.Epoch;
        _claims = store.Load().ToDictionary(c => c.Key);
        _networks = [.. store.LoadNetworks()];
    }

    public ulong Epoch
    {
        get
        {
            lock (_lock)
                return _epoch;
        }
    }

    /// <summary>The place of the next request to the ACC among all.</summary>
    public (ulong Epoch, ulong Sequence) NextSequence()
    {
        lock (_lock)
            return (_epoch, ++_sequence);
    }

    public Claim? Get(AttachmentKey key)
    {
        lock (_lock)
            return _claims.GetValueOrDefault(key);
    }

    /// <summary>The host's own interface while it is attached; null while it is not.</summary>
    public Claim? AttachedHost() => All().FirstOrDefault(c => c.IsHost && c.State == ClaimState.Attached);

    public IReadOnlyList<Claim> All()
    {
        lock (_lock)
            return [.. _claims.Values];
    }

    /// <summary>Records a claim. Its network is remembered with it, so that Sync speaks for the network from now on.</summary>
    public Task PutAsync(Claim claim)
    {
        lock (_lock)
        {
            _claims[claim.Key] = claim;
            if (_networks.Add(claim.Key.Network))
                _ = _store.AddNetworkAsync(claim.Key.Network);
            return _store.PutAsync(claim);
        }
    }

    /// <summary>Changes a claim in memory only: what a restart may forget.</summary>
    public void PutInMemory(Claim claim)
    {
        lock (_lock)
            _claims[claim.Key] = claim;
    }

    public Task RemoveAsync(AttachmentKey key)
    {
        lock (_lock)
        {
            _claims.Remove(key);
            return _store.RemoveAsync(key);
        }
    }

    /// <summary>From now on Sync says which attachments of this network there are.</summary>
    public Task RememberNetworkAsync(string network)
    {
        lock (_lock)
            return _networks.Add(network) ? _store.AddNetworkAsync(network) : Task.CompletedTask;
    }

    /// <summary>Marks or clears "the device is gone"; only of a claim that is still as it was looked at.</summary>
    public bool SetVanished(Claim seen, bool vanished, bool podGone)
    {
        lock (_lock)
        {
            if (!_claims.TryGetValue(seen.Key, out var current) || !ReferenceEquals(current, seen))
                return false;
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
                    attached.Add(claim);
                else if (claim.State == ClaimState.Released)
                    released.Add(claim);
            }
            return new SyncSnapshot(_epoch, ++_sequence, [.. _networks], attached, released);
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
                    _ = _store.RemoveAsync(claim.Key);
                }
            }
        }
    }

    /// <summary>The ACC has seen a newer epoch than ours, so our database is an old copy: go beyond it.</summary>
    public async Task AdvanceEpochAsync(ulong least)
    {
        ulong next;
        lock (_lock)
            next = _epoch = Math.Max(_epoch + 1, least);
        await _store.SetEpochAsync(next).ConfigureAwait(false);
    }
}
