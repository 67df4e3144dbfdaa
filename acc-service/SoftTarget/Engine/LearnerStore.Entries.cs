namespace ACCOffload.SoftTarget.Engine;

internal sealed unsafe partial class LearnerStore
{
    /// <summary>
    /// Visits the live entries of some buckets; each is copied under its bucket's lock and passed to the visitor outside the lock. A key
    /// always has the same bucket, so who visits all buckets sees each entry at most once, and those that live all the time exactly once.
    /// </summary>
    /// <param name="first">The first bucket.</param>
    /// <param name="count">The maximum number of buckets.</param>
    /// <param name="clock">The time, as for lookups.</param>
    /// <param name="visitor">False ends the visit.</param>
    /// <returns>The next bucket; 0 after the last one, or if the visitor ended the visit.</returns>
    public uint Visit(uint first, uint count, Func<long> clock, SwxLearnedVisitor visitor)
    {
        var stored = new byte[LearnerBucket.Ways * _stride];
        Span<byte> key = stackalloc byte[Learner.KeyBytes];
        var end = (uint)Math.Min((ulong)first + count, (ulong)_bucketMask + 1);
        for (var i = first; i < end; i++)
        {
            var bucket = _buckets + i;
            if (!Occupied(bucket))
            {
                continue;
            }

            var live = 0;
            var now = clock();
            Lock(bucket);
            for (var way = 0; way < LearnerBucket.Ways; way++)
            {
                if (bucket->Numbers[way] != 0 && Entry(bucket->Numbers[way] - 1) is var entry && entry->Expires > now)
                {
                    new ReadOnlySpan<byte>(entry, _stride).CopyTo(stored.AsSpan(live++ * _stride));
                }
            }
            Unlock(bucket);
            for (var j = 0; j < live; j++)
            {
                fixed (byte* p = &stored[j * _stride])
                {
                    var entry = (LearnedHeader*)p;
                    Layout.ToPacked(new ReadOnlySpan<byte>(KeyOf(entry), _words * 8), key);
                    var bytes = Learner.Actions.First(a => a.Action.Index == entry->Action).Action.DataBytes;
                    var remaining = TimeSpan.FromSeconds((double)(entry->Expires - now) / _frequency);
                    if (!visitor(key, entry->Action, new ReadOnlySpan<byte>(DataOf(entry), bytes), entry->TimeoutId, remaining))
                    {
                        return 0;
                    }
                }
            }
        }
        return end > _bucketMask ? 0 : end;
    }

    public void Clear()
    {
        for (uint i = 0; i <= _bucketMask; i++)
        {
            var bucket = _buckets + i;
            if (!Occupied(bucket))
            {
                continue;
            }

            Lock(bucket);
            for (var way = 0; way < LearnerBucket.Ways; way++)
            {
                if (bucket->Numbers[way] != 0)
                {
                    Release(bucket, way);
                }
            }
            Unlock(bucket);
        }
    }

    private static bool Occupied(LearnerBucket* bucket)
    {
        for (var way = 0; way < LearnerBucket.Ways; way++)
        {
            if (Volatile.Read(ref bucket->Numbers[way]) != 0)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Frees an entry; its bucket is locked.</summary>
    private void Release(LearnerBucket* bucket, int way)
    {
        var number = bucket->Numbers[way] - 1;
        bucket->Numbers[way] = 0;
        bucket->Fingerprints[way] = 0;
        var entry = Entry(number);
        Volatile.Write(ref entry->Used, 0);
        AcquireAllocator();
        entry->Expires = _free;
        _free = number + 1;
        ReleaseAllocator();
    }

    /// <summary>Allocates an entry; if none is free, sweeps the next few entries for expired ones.</summary>
    private bool TryAllocate(LearnerBucket* held, long now, out uint number)
    {
        if (TryTake(out number))
        {
            return true;
        }

        for (var i = 0; i < Sweep; i++)
        {
            var candidate = (Interlocked.Increment(ref _hand) - 1) % (uint)Learner.Size;
            var entry = Entry(candidate);
            if (Volatile.Read(ref entry->Used) == 0 || Volatile.Read(ref entry->Expires) > now)
            {
                continue;
            }

            var bucket = _buckets + Volatile.Read(ref entry->Bucket);
            // Only try to lock another bucket: waiting for it while holding ours could deadlock.
            if (bucket != held && Interlocked.CompareExchange(ref bucket->Lock, 1, 0) != 0)
            {
                continue;
            }

            for (var way = 0; way < LearnerBucket.Ways; way++)
            {
                if (bucket->Numbers[way] == candidate + 1 && entry->Expires <= now)
                {
                    Release(bucket, way);
                }
            }
            if (bucket != held)
            {
                Unlock(bucket);
            }

            if (TryTake(out number))
            {
                return true;
            }
        }
        return false;
    }

    private bool TryTake(out uint number)
    {
        number = 0;
        AcquireAllocator();
        var found = true;
        if (_free != 0)
        {
            number = _free - 1;
            _free = (uint)Entry(number)->Expires;
        }
        else if (_fresh < (uint)Learner.Size)
        {
            number = _fresh++;
        }
        else
        {
            found = false;
        }
        ReleaseAllocator();
        return found;
    }

    private void AcquireAllocator()
    {
        var spinner = new SpinWait();
        while (Interlocked.CompareExchange(ref _allocatorLock, 1, 0) != 0)
        {
            spinner.SpinOnce();
        }
    }

    private void ReleaseAllocator() => Volatile.Write(ref _allocatorLock, 0);
}
