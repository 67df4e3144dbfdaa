using System.Numerics;
using System.Security.Cryptography;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// A running program: tables in two copies (left-right), registers, meters and learners. Only one thread at a time may use the control side
/// (the owner holds a lock); workers run concurrently and never wait for a table update.
/// </summary>
// Native memory is freed with the last worker that refers to it: disposing it earlier would free the tables a worker is reading.
#pragma warning disable CA1001
public sealed unsafe partial class SwxPipeline
#pragma warning restore CA1001
{
    private readonly TableSet[] _sets;
    private readonly ChangeLog _log = new();
    private readonly Lock _workersLock = new();
    private SwxWorker[] _workers = [];
    private SwxUpdate? _open;
    private TableSet _active;
    private long _version = 1;
    private bool _behind;

    /// <summary>Creates the pipeline with empty tables.</summary>
    /// <exception cref="SpecException">The program requires more state than the options allow.</exception>
    public SwxPipeline(SwxProgram program, SwxPipelineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        Program = program;
        Options = options ?? new SwxPipelineOptions();
        if (Options.MirrorSlots is < 1 or > 64 || !BitOperations.IsPow2(Options.MirrorSlots)
            || !BitOperations.IsPow2(Options.MirrorSessions))
        {
            throw new ArgumentException("mirror slots must be a power of two up to 64, mirror sessions a power of two", nameof(options));
        }

        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        CheckStateSize();
        _sets = [new TableSet(program, seed), new TableSet(program, seed)];
        _active = _sets[0];
        CreateState(seed);
    }

    /// <summary>The program.</summary>
    public SwxProgram Program { get; }

    /// <summary>The options.</summary>
    public SwxPipelineOptions Options { get; }

    /// <summary>Number of committed updates plus one; a packet sees the tables of exactly one version.</summary>
    public long Version => Volatile.Read(ref _version);

    internal TableSet Active => Volatile.Read(ref _active);

    /// <summary>The copy that the control side reads, which includes the open update's changes.</summary>
    private TableSet View => _behind ? _active : Inactive;

    private TableSet Inactive => _active == _sets[0] ? _sets[1] : _sets[0];

    /// <summary>
    /// Begins an update; only one can be open. Its changes are visible to control-side lookups at once, and to packets after
    /// <see cref="Commit"/>; disposing it without a commit undoes them.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another update is open.</exception>
    /// <exception cref="TimeoutException">A worker still uses the tables from before the last commit.</exception>
    public SwxUpdate BeginUpdate()
    {
        if (_open is not null)
        {
            throw new InvalidOperationException("another update is open");
        }

        if (_behind && !TryCatchUp())
        {
            throw new TimeoutException("a worker still uses the replaced tables; it must end its burst");
        }

        return _open = new SwxUpdate(this, Inactive, _log);
    }

    /// <summary>
    /// Publishes an update: a packet sees all of it or none of it. Returns when no worker uses the old tables any more (idle workers don't
    /// delay it; a stuck worker delays it by <see cref="SwxPipelineOptions.GracePeriod"/> at most). The cost is proportional to the number
    /// of changes.
    /// </summary>
    /// <exception cref="InvalidOperationException">The update is not the open one.</exception>
    public void Commit(SwxUpdate update)
    {
        ArgumentNullException.ThrowIfNull(update);
        if (update != _open)
        {
            throw new InvalidOperationException("the update is not open");
        }

        update.Closed = true;
        _open = null;
        if (_log.Count == 0)
        {
            return;
        }

        var fresh = Inactive;
        fresh.Seal();
        Volatile.Write(ref _active, fresh);
        Interlocked.Increment(ref _version);
        _behind = true;
        TryCatchUp();
    }

    /// <summary>Number of entries in a table. Control side.</summary>
    public int Count(int table) => View.Tables[table].Count;

    /// <summary>Finds an entry of a table as committed, or as staged by the open update. Control side.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key.</param>
    /// <param name="mask">Packed mask; empty for an exact table.</param>
    /// <param name="priority">Priority; 0 for exact and lpm tables.</param>
    /// <param name="action">Index of its action.</param>
    /// <param name="data">Its action data; valid until the next change.</param>
    /// <exception cref="ArgumentException">The entry does not fit the table.</exception>
    public bool TryGet(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, out int action, out ReadOnlySpan<byte> data)
    {
        action = 0;
        data = default;
        var store = View.Tables[table];
        var entry = Find(store, key, mask, priority);
        if (entry == null)
        {
            return false;
        }

        action = store.Action(entry);
        data = store.Data(entry)[..store.ActionBytes(action)];
        return true;
    }

    /// <summary>The entry id that <c>entryid</c> returns for an entry: the index of its direct counters and meters. Control side.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key.</param>
    /// <param name="mask">Packed mask; empty for an exact table.</param>
    /// <param name="priority">Priority; 0 for exact and lpm tables.</param>
    /// <param name="entryId">Its id, from 1; constant as long as the entry exists.</param>
    /// <exception cref="ArgumentException">The entry does not fit the table.</exception>
    public bool TryGetEntryId(int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, out long entryId)
    {
        var store = View.Tables[table];
        var entry = Find(store, key, mask, priority);
        entryId = entry == null ? 0 : store.Number(entry) + 1L;
        return entry != null;
    }

    /// <summary>Visits the entries of a table in no particular order. Control side; the table must not change during the visit.</summary>
    public void ForEach(int table, SwxEntryVisitor visitor)
    {
        ArgumentNullException.ThrowIfNull(visitor);
        View.Tables[table].ForEach(visitor);
    }

    /// <summary>The default action of a table. Control side.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="action">Index of the action.</param>
    /// <param name="data">Its action data; valid until the next change.</param>
    public void GetDefaultAction(int table, out int action, out ReadOnlySpan<byte> data)
    {
        var store = View.Tables[table];
        action = store.DefaultAction;
        data = store.DefaultData[..store.ActionBytes(action)];
    }

    /// <summary>The members of a selector group; empty if it has none. Control side.</summary>
    public IReadOnlyList<SwxMember> GetGroup(int selector, uint group) => View.Selectors[selector].Get(group);

    /// <summary>Bytes used by a table's entries and index, in both copies together. Control side.</summary>
    public long TableBytes(int table) => _sets[0].Tables[table].AllocatedBytes + _sets[1].Tables[table].AllocatedBytes;

    internal void Close(SwxUpdate update)
    {
        update.Closed = true;
        if (_open == update)
        {
            _open = null;
        }
    }

    private static byte* Find(TableStore store, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority)
    {
        var space = stackalloc ulong[store.Words * 2];
        var effective = EntryKey.Encode(store, key, mask, priority, space, space + store.Words);
        return store.Find(space, space + store.Words, effective);
    }

    /// <summary>Waits until no worker reads the replaced copy, and brings it up to date.</summary>
    private bool TryCatchUp()
    {
        Interlocked.MemoryBarrier();
        var version = Volatile.Read(ref _version);
        var limit = Environment.TickCount64 + (long)Options.GracePeriod.TotalMilliseconds;
        foreach (var worker in Volatile.Read(ref _workers))
        {
            var spinner = new SpinWait();
            while (worker.Holds(version))
            {
                if (Environment.TickCount64 > limit)
                {
                    return false;
                }
                // Sleep for a millisecond only as a last resort: bursts last microseconds.
                spinner.SpinOnce(sleep1Threshold: 1000);
            }
        }
        _log.Replay(Inactive);
        _log.Clear();
        _behind = false;
        return true;
    }
}
