using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>A cache line of learned keys: fingerprints and entry numbers + 1, protected by one lock.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct LearnerBucket
{
    public const int Ways = 8;

    public fixed uint Numbers[Ways];
    public fixed ushort Fingerprints[Ways];
    public int Lock;
}

/// <summary>Header of a learned entry, before its key and data.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LearnedHeader
{
    /// <summary>Expiry time; for a free entry, the number of the next free entry + 1.</summary>
    public long Expires;
    public uint Bucket;
    public ushort Action;
    public byte TimeoutId;
    public byte Used;
}

/// <summary>
/// A learner's entries, shared by the workers. The specification sets the number of entries. The buckets of eight have room for four times
/// as many, so that a bucket hardly ever fills up before the table. An expired entry is freed when a lookup finds it, or by a clock hand
/// that advances a few entries whenever no entry is free: there is no full scan. If the table or the bucket is full, learning fails and
/// the failure is counted.
/// </summary>
internal sealed unsafe partial class LearnerStore : IDisposable
{
    private const int Sweep = 16;

    private readonly NativeBlock _bucketBlock;
    private readonly NativeBlock _entryBlock;
    private readonly LearnerBucket* _buckets;
    private readonly byte* _entries;
    private readonly ulong _seed;
    private readonly uint _bucketMask;
    private readonly int _words;
    private readonly int _stride;
    private readonly long[] _timeouts;
    private readonly long _frequency;
    private int _allocatorLock;
    private uint _free;
    private uint _fresh;
    private uint _hand;
    private long _notLearned;

    public LearnerStore(SwxLearner learner, KeyLayout layout, ulong seed, long frequency)
    {
        Learner = learner;
        Layout = layout;
        _seed = seed;
        _frequency = frequency;
        _words = layout.Words;
        DataBytes = Data(learner);
        _stride = Stride(learner, layout);
        var buckets = Buckets(learner);
        _bucketMask = buckets - 1;
        _bucketBlock = new NativeBlock((long)buckets * sizeof(LearnerBucket));
        _entryBlock = new NativeBlock((long)learner.Size * _stride);
        _buckets = (LearnerBucket*)_bucketBlock.Pointer;
        _entries = _entryBlock.Pointer;
        // Ids are masked to a power of two; ids missing from the specification use the first timeout.
        _timeouts = new long[BitOperations.RoundUpToPowerOf2((uint)learner.Timeouts.Count)];
        for (var i = 0; i < _timeouts.Length; i++)
        {
            SetTimeout(i, TimeSpan.FromSeconds(learner.Timeouts[i < learner.Timeouts.Count ? i : 0]));
        }
    }

    public SwxLearner Learner { get; }

    public KeyLayout Layout { get; }

    public int DataBytes { get; }

    public int Words => _words;

    /// <summary>Number of keys that could not be learned for lack of room.</summary>
    public long NotLearned => Volatile.Read(ref _notLearned);

    public static long Bytes(SwxLearner learner, KeyLayout layout)
        => (long)Buckets(learner) * sizeof(LearnerBucket) + (long)learner.Size * Stride(learner, layout);

    public void SetTimeout(int id, TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)id, (uint)_timeouts.Length, nameof(id));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero, nameof(timeout));
        Volatile.Write(ref _timeouts[id], (long)Math.Min(timeout.TotalSeconds * _frequency, long.MaxValue / 4));
    }

    /// <summary>Finds a live entry and copies its data.</summary>
    public bool Lookup(ulong* key, long now, byte* data, out int action, out uint number)
    {
        var hash = TableHot.Hash(key, _words, _seed);
        var bucket = Lock(hash);
        var way = Find(bucket, key, hash, now);
        action = 0;
        number = 0;
        if (way >= 0)
        {
            number = bucket->Numbers[way] - 1;
            var entry = Entry(number);
            action = entry->Action;
            Unsafe.CopyBlockUnaligned(data, DataOf(entry), (uint)DataBytes);
        }
        Unlock(bucket);
        return way >= 0;
    }

    /// <summary>Learns a key or, if it exists, replaces its action.</summary>
    /// <returns>False if there is no room.</returns>
    public bool Learn(ulong* key, int action, byte* data, int dataBytes, uint timeoutId, long now)
    {
        var hash = TableHot.Hash(key, _words, _seed);
        var bucket = Lock(hash);
        var way = Find(bucket, key, hash, now);
        if (way < 0 && (way = FreeWay(bucket, now)) >= 0)
        {
            if (TryAllocate(bucket, now, out var number))
            {
                bucket->Numbers[way] = number + 1;
                bucket->Fingerprints[way] = Fingerprint(hash);
                var added = Entry(number);
                added->Bucket = (uint)(bucket - _buckets);
                new ReadOnlySpan<ulong>(key, _words).CopyTo(new Span<ulong>(KeyOf(added), _words));
            }
            else
            {
                way = -1;
            }
        }
        if (way >= 0)
        {
            var entry = Entry(bucket->Numbers[way] - 1);
            entry->Action = (ushort)action;
            entry->TimeoutId = (byte)(timeoutId & (_timeouts.Length - 1));
            entry->Expires = now + Volatile.Read(ref _timeouts[entry->TimeoutId]);
            Volatile.Write(ref entry->Used, 1);
            Unsafe.CopyBlockUnaligned(DataOf(entry), data, (uint)dataBytes);
        }
        Unlock(bucket);
        if (way < 0)
        {
            Interlocked.Increment(ref _notLearned);
        }

        return way >= 0;
    }

    /// <summary>Restarts an entry's timeout, with a new timeout if an id is given.</summary>
    public void Rearm(ulong* key, long now, int timeoutId)
    {
        var hash = TableHot.Hash(key, _words, _seed);
        var bucket = Lock(hash);
        var way = Find(bucket, key, hash, now);
        if (way >= 0)
        {
            var entry = Entry(bucket->Numbers[way] - 1);
            if (timeoutId >= 0)
            {
                entry->TimeoutId = (byte)(timeoutId & (_timeouts.Length - 1));
            }

            entry->Expires = now + Volatile.Read(ref _timeouts[entry->TimeoutId]);
        }
        Unlock(bucket);
    }

    public bool Forget(ulong* key, long now)
    {
        var hash = TableHot.Hash(key, _words, _seed);
        var bucket = Lock(hash);
        var way = Find(bucket, key, hash, now);
        if (way >= 0)
        {
            Release(bucket, way);
        }

        Unlock(bucket);
        return way >= 0;
    }

    public void Dispose()
    {
        _bucketBlock.Dispose();
        _entryBlock.Dispose();
    }

    private static uint Buckets(SwxLearner learner) => BitOperations.RoundUpToPowerOf2((uint)Math.Max(learner.Size, 4)) / 2;

    private static int Data(SwxLearner learner) =>
        learner.Actions.Where(a => a.ForEntries).Select(a => a.Action.DataBytes).DefaultIfEmpty(0).Max();

    private static int Stride(SwxLearner learner, KeyLayout layout)
        => (sizeof(LearnedHeader) + layout.Words * 8 + Data(learner) + 7) & ~7;

    private static ushort Fingerprint(ulong hash) => (ushort)(hash >> 48);

    private LearnedHeader* Entry(uint number) => (LearnedHeader*)(_entries + (long)number * _stride);

    private static byte* KeyOf(LearnedHeader* entry) => (byte*)entry + sizeof(LearnedHeader);

    private byte* DataOf(LearnedHeader* entry) => KeyOf(entry) + _words * 8;

    private LearnerBucket* Lock(ulong hash)
    {
        var bucket = _buckets + ((uint)hash & _bucketMask);
        Lock(bucket);
        return bucket;
    }

    private static void Lock(LearnerBucket* bucket)
    {
        if (Interlocked.CompareExchange(ref bucket->Lock, 1, 0) == 0)
        {
            return;
        }

        var spinner = new SpinWait();
        while (Interlocked.CompareExchange(ref bucket->Lock, 1, 0) != 0)
        {
            spinner.SpinOnce();
        }
    }

    private static void Unlock(LearnerBucket* bucket) => Volatile.Write(ref bucket->Lock, 0);

    /// <summary>Finds the way of a live entry; frees it if it has expired.</summary>
    private int Find(LearnerBucket* bucket, ulong* key, ulong hash, long now)
    {
        var fingerprint = Fingerprint(hash);
        for (var way = 0; way < LearnerBucket.Ways; way++)
        {
            if (bucket->Fingerprints[way] != fingerprint || bucket->Numbers[way] == 0)
            {
                continue;
            }

            var entry = Entry(bucket->Numbers[way] - 1);
            if (!new ReadOnlySpan<ulong>(KeyOf(entry), _words).SequenceEqual(new ReadOnlySpan<ulong>(key, _words)))
            {
                continue;
            }

            if (entry->Expires > now)
            {
                return way;
            }

            Release(bucket, way);
            return -1;
        }
        return -1;
    }

    private int FreeWay(LearnerBucket* bucket, long now)
    {
        for (var way = 0; way < LearnerBucket.Ways; way++)
        {
            if (bucket->Numbers[way] == 0)
            {
                return way;
            }
        }
        for (var way = 0; way < LearnerBucket.Ways; way++)
        {
            if (Entry(bucket->Numbers[way] - 1)->Expires <= now)
            {
                Release(bucket, way);
                return way;
            }
        }
        return -1;
    }
}
