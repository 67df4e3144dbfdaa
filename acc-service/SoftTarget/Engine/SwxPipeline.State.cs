using System.Numerics;

namespace ACCOffload.SoftTarget.Engine;

public sealed unsafe partial class SwxPipeline
{
    private NativeBlock _registerBlock = null!;
    private RegisterArrayHot* _registers;
    private NativeBlock[] _registerArrays = [];
    private MirrorSession?[] _sessions = [];
    private NativeBlock _learnerReaderBlock = null!;
    private KeyReader* _learnerReaders;
    private WorkerCounters _retired = new();

    internal LearnerStore[] Learners { get; private set; } = [];

    internal MeterStore[] Meters { get; private set; } = [];

    internal RegisterArrayHot* Registers => _registers;

    internal MirrorSession?[] Sessions => _sessions;

    internal KeyReader* LearnerReaders => _learnerReaders;

    /// <summary>Visits the learned entries that have not expired. Any thread.</summary>
    public void ForEachLearned(int learner, SwxLearnedVisitor visitor)
    {
        ArgumentNullException.ThrowIfNull(visitor);
        Learners[learner].Visit(0, uint.MaxValue, Options.TimeProvider.GetTimestamp, visitor);
    }

    /// <summary>
    /// Visits the learned entries in parts, so that neither time nor memory of one part follows the size of the table. Packets are
    /// processed meanwhile. Any thread.
    /// </summary>
    /// <param name="learner">Index of the learner.</param>
    /// <param name="position">0 at first, then what the previous part returned.</param>
    /// <param name="buckets">The size of the part in buckets, which have at most eight entries each.</param>
    /// <param name="visitor">False ends the visit.</param>
    /// <returns>The position of the next part; 0: there is none.</returns>
    public uint VisitLearned(int learner, uint position, uint buckets, SwxLearnedVisitor visitor)
    {
        ArgumentNullException.ThrowIfNull(visitor);
        ArgumentOutOfRangeException.ThrowIfZero(buckets);
        return Learners[learner].Visit(position, buckets, Options.TimeProvider.GetTimestamp, visitor);
    }

    /// <summary>Forgets one learned entry. Any thread.</summary>
    /// <returns>Whether it existed.</returns>
    /// <exception cref="ArgumentException">The key has the wrong length.</exception>
    public bool ForgetLearned(int learner, ReadOnlySpan<byte> key)
    {
        var store = Learners[learner];
        if (key.Length != store.Learner.KeyBytes)
        {
            throw new ArgumentException(
                $"the key of learner {store.Learner} has {store.Learner.KeyBytes} bytes, not {key.Length}", nameof(key));
        }

        var stored = stackalloc ulong[store.Words];
        store.Layout.ToStored(key, new Span<byte>(stored, store.Words * 8));
        return store.Forget(stored, Options.TimeProvider.GetTimestamp());
    }

    /// <summary>Forgets all learned entries. Any thread.</summary>
    public void ClearLearned(int learner) => Learners[learner].Clear();

    /// <summary>Sets a timeout of a learner; it applies to entries when they are next learned or rearmed. Any thread.</summary>
    public void SetLearnerTimeout(int learner, int timeoutId, TimeSpan timeout) => Learners[learner].SetTimeout(timeoutId, timeout);

    /// <summary>Reads a register. Any thread.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such array or index.</exception>
    public ulong ReadRegister(int array, long index) => (ulong)Volatile.Read(ref *Register(array, index));

    /// <summary>Writes a register. Any thread.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such array or index.</exception>
    public void WriteRegister(int array, long index, ulong value) => Volatile.Write(ref *Register(array, index), (long)value);

    internal void CountTruncated()
    {
        if (Options.TruncatedCell is { } cell)
        {
            Interlocked.Increment(ref *Register(cell.Array, cell.Index));
        }
    }

    /// <summary>Configures a meter (RFC 2698 trTCM). Rates in bytes per second, bursts in bytes. Any thread.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such array or index.</exception>
    public void SetMeter(int array, long index, ulong committedRate, ulong peakRate, ulong committedBurst, ulong peakBurst)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)array, (uint)Meters.Length, nameof(array));
        Meters[array].Configure(index, committedRate, peakRate, committedBurst, peakBurst, Options.TimeProvider.GetTimestamp());
    }

    /// <summary>Configures the destination of a mirroring session. Any thread.</summary>
    /// <param name="session">Session id, below <see cref="SwxPipelineOptions.MirrorSessions"/>.</param>
    /// <param name="port">Output port.</param>
    /// <param name="truncation">Maximum length of a copy in bytes; 0 for the whole packet.</param>
    public void SetMirrorSession(int session, uint port, int truncation = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(truncation);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)session, (uint)_sessions.Length, nameof(session));
        Volatile.Write(ref _sessions[session], new MirrorSession(port, truncation));
    }

    /// <summary>Removes a mirroring session: no copies are made for it. Any thread.</summary>
    public void RemoveMirrorSession(int session)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)session, (uint)_sessions.Length, nameof(session));
        Volatile.Write(ref _sessions[session], null);
    }

    /// <summary>Creates a worker, for use by one thread at a time.</summary>
    public SwxWorker CreateWorker()
    {
        var worker = new SwxWorker(this);
        lock (_workersLock)
        {
            Volatile.Write(ref _workers, [.. _workers, worker]);
        }

        return worker;
    }

    /// <summary>Totals of all workers. Any thread.</summary>
    public SwxStatistics Statistics => Sum(c => c.Packets, static (a, b) => new SwxStatistics
    {
        Received = a.Received + b.Received,
        Transmitted = a.Transmitted + b.Transmitted,
        Dropped = a.Dropped + b.Dropped,
        Truncated = a.Truncated + b.Truncated,
        NoHeadroom = a.NoHeadroom + b.NoHeadroom,
        Endless = a.Endless + b.Endless,
        Faulted = a.Faulted + b.Faulted,
        Recirculated = a.Recirculated + b.Recirculated,
        Cloned = a.Cloned + b.Cloned,
        NotLearned = a.NotLearned + b.NotLearned,
    });

    /// <summary>Number of keys each learner had no room for, by the learner's name. Any thread.</summary>
    public IEnumerable<KeyValuePair<string, long>> NotLearned => Learners.Select(l => KeyValuePair.Create(l.Learner.Name, l.NotLearned));

    /// <summary>Lookups of a table. Any thread.</summary>
    public SwxLookups TableLookups(int table) => Lookups(table, Program.Tables.Count);

    /// <summary>Lookups of a learner. Any thread.</summary>
    public SwxLookups LearnerLookups(int learner) => Lookups(learner, Program.Learners.Count, Program.Tables.Count);

    internal void Remove(SwxWorker worker)
    {
        lock (_workersLock)
        {
            if (!_workers.Contains(worker))
            {
                return;
            }

            _retired = _retired.Plus(worker.Counters);
            Volatile.Write(ref _workers, [.. _workers.Where(w => w != worker)]);
        }
    }

    private SwxLookups Lookups(int index, int count, int first = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)count, nameof(index));
        return Sum(c => c.Lookups(first + index), static (a, b) => new SwxLookups(a.Hits + b.Hits, a.Misses + b.Misses));
    }

    private T Sum<T>(Func<WorkerCounters, T> read, Func<T, T, T> add)
    {
        lock (_workersLock)
        {
            return _workers.Aggregate(read(_retired), (sum, worker) => add(sum, read(worker.Counters)));
        }
    }

    private long* Register(int array, long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)array, (uint)_registerArrays.Length, nameof(array));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)index, _registers[array].Mask, nameof(index));
        return _registers[array].Cells + index;
    }

    private void CheckStateSize()
    {
        var bytes = Program.RegisterArrays.Sum(r => (long)BitOperations.RoundUpToPowerOf2((uint)r.Size) * sizeof(long))
            + Program.MeterArrays.Sum(MeterStore.Bytes)
            + Program.Learners.Sum(l => LearnerStore.Bytes(l, Program.LearnerKeys[l.Index]))
            + Program.Selectors.Sum(s => 2L * sizeof(uint*) * s.GroupsMax);
        if (bytes > Options.MaxStateBytes)
        {
            throw new SpecException(
                0, $"registers, meters, learners and selectors take {bytes} bytes; the limit is {Options.MaxStateBytes}");
        }
    }

    private void CreateState(ulong seed)
    {
        var frequency = Options.TimeProvider.TimestampFrequency;
        _registerBlock = new NativeBlock((long)Program.RegisterArrays.Count * sizeof(RegisterArrayHot));
        _registers = (RegisterArrayHot*)_registerBlock.Pointer;
        _registerArrays = new NativeBlock[Program.RegisterArrays.Count];
        for (var i = 0; i < _registerArrays.Length; i++)
        {
            var array = Program.RegisterArrays[i];
            var cells = (long)BitOperations.RoundUpToPowerOf2((uint)array.Size);
            _registerArrays[i] = new NativeBlock(cells * sizeof(long));
            _registers[i] = new RegisterArrayHot { Cells = (long*)_registerArrays[i].Pointer, Mask = (ulong)cells - 1 };
            if (array.InitialValue != 0)
            {
                for (long j = 0; j < cells; j++)
                {
                    _registers[i].Cells[j] = (long)array.InitialValue;
                }
            }
        }
        Meters = [.. Program.MeterArrays.Select(m => new MeterStore(m, frequency))];
        Learners = [.. Program.Learners.Select(l => new LearnerStore(l, Program.LearnerKeys[l.Index], seed ^ (ulong)l.Index, frequency))];
        CreateLearnerReaders();
        _sessions = new MirrorSession[Options.MirrorSessions];
        _retired = new WorkerCounters(Program.Tables.Count + Program.Learners.Count);
    }

    private void CreateLearnerReaders()
    {
        var count = Program.LearnerKeys.Length;
        var segments = Program.LearnerKeys.Sum(k => k.Segments.Length);
        _learnerReaderBlock = new NativeBlock(count * sizeof(KeyReader) + segments * sizeof(KeySegment));
        _learnerReaders = (KeyReader*)_learnerReaderBlock.Pointer;
        var segment = (KeySegment*)(_learnerReaders + count);
        for (var i = 0; i < count; i++)
        {
            _learnerReaders[i] = KeyReader.Create(Program.LearnerKeys[i], segment);
            segment += Program.LearnerKeys[i].Segments.Length;
        }
    }
}
