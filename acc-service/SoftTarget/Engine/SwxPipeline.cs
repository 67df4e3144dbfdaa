namespace ACCOffload.SoftTarget.Engine;

/// <summary>
/// A running program: tables in two copies (left-right), registers, meters and learners. The control side is for one
/// thread at a time (its owner holds a lock); workers run beside it without ever waiting.
/// </summary>
public sealed class SwxPipeline
{
    /// <summary>Creates the pipeline with empty tables.</summary>
    /// <exception cref="SpecException">The program asks for more state than the options allow.</exception>
    public SwxPipeline(SwxProgram program, SwxPipelineOptions? options = null)
    {
        Program = program;
        Options = options ?? new SwxPipelineOptions();
    }

    /// <summary>The program.</summary>
    public SwxProgram Program { get; }

    /// <summary>The options.</summary>
    public SwxPipelineOptions Options { get; }

    /// <summary>Number of published changes so far; a packet sees the tables of exactly one version.</summary>
    public long Version => throw new NotImplementedException();

    /// <summary>
    /// Begins an update; only one at a time. Its changes are visible to its own lookups at once and to packets after
    /// <see cref="Commit"/>; disposing it without a commit undoes them.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another update is open.</exception>
    public SwxUpdate BeginUpdate() => throw new NotImplementedException();

    /// <summary>
    /// Publishes an update: a packet sees all of it or nothing. Returns after the workers have left the old tables (idle
    /// workers don't hold it up) and both copies are equal. Cost is proportional to the number of changes.
    /// </summary>
    public void Commit(SwxUpdate update) => throw new NotImplementedException();

    /// <summary>Number of entries in a table. Control side.</summary>
    public int Count(int table) => throw new NotImplementedException();

    /// <summary>Finds an entry of a table as last committed (or as staged by the open update). Control side.</summary>
    /// <param name="table">Index of the table.</param>
    /// <param name="key">Packed key.</param>
    /// <param name="mask">Packed mask; empty for an exact table.</param>
    /// <param name="priority">Priority; 0 for exact and lpm tables.</param>
    /// <param name="action">Index of its action.</param>
    /// <param name="data">Its action data; valid until the next change.</param>
    public bool TryGet(
        int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, out int action, out ReadOnlySpan<byte> data)
        => throw new NotImplementedException();

    /// <summary>The entry id that <c>entryid</c> gives for an entry: the index of its direct counters and meters. Control side.</summary>
    public bool TryGetEntryId(int table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> mask, uint priority, out long entryId)
        => throw new NotImplementedException();

    /// <summary>Visits the entries of a table, in no order. Control side; the table must not be changed meanwhile.</summary>
    public void ForEach(int table, SwxEntryVisitor visitor) => throw new NotImplementedException();

    /// <summary>The default action of a table. Control side.</summary>
    public void GetDefaultAction(int table, out int action, out ReadOnlySpan<byte> data) => throw new NotImplementedException();

    /// <summary>The members of a selector group; empty if it has none. Control side.</summary>
    public IReadOnlyList<SwxMember> GetGroup(int selector, uint group) => throw new NotImplementedException();

    /// <summary>Visits the learned entries that have not timed out. Any thread.</summary>
    public void ForEachLearned(int learner, SwxLearnedVisitor visitor) => throw new NotImplementedException();

    /// <summary>Forgets one learned entry. Any thread.</summary>
    /// <returns>Whether it was there.</returns>
    public bool ForgetLearned(int learner, ReadOnlySpan<byte> key) => throw new NotImplementedException();

    /// <summary>Forgets all learned entries. Any thread.</summary>
    public void ClearLearned(int learner) => throw new NotImplementedException();

    /// <summary>Sets a timeout of a learner; entries take it when they are learned or rearmed next. Any thread.</summary>
    public void SetLearnerTimeout(int learner, int timeoutId, TimeSpan timeout) => throw new NotImplementedException();

    /// <summary>Reads a register; the sum over all workers. Any thread.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such array or index.</exception>
    public ulong ReadRegister(int array, long index) => throw new NotImplementedException();

    /// <summary>Writes a register. Any thread.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such array or index.</exception>
    public void WriteRegister(int array, long index, ulong value) => throw new NotImplementedException();

    /// <summary>Configures a meter (RFC 2698 trTCM). Rates in bytes per second, bursts in bytes. Any thread.</summary>
    public void SetMeter(int array, long index, ulong committedRate, ulong peakRate, ulong committedBurst, ulong peakBurst)
        => throw new NotImplementedException();

    /// <summary>Configures where a mirroring session sends its copies. Any thread.</summary>
    /// <param name="session">Session id, below <see cref="SwxPipelineOptions.MirrorSessions"/>.</param>
    /// <param name="port">Output port.</param>
    /// <param name="truncation">Greatest length of a copy in bytes; 0 for the whole packet.</param>
    public void SetMirrorSession(int session, uint port, int truncation = 0) => throw new NotImplementedException();

    /// <summary>Removes a mirroring session: its copies are not made. Any thread.</summary>
    public void RemoveMirrorSession(int session) => throw new NotImplementedException();

    /// <summary>Creates a worker, for use by one thread at a time.</summary>
    public SwxWorker CreateWorker() => throw new NotImplementedException();

    /// <summary>Counts over all workers. Any thread.</summary>
    public SwxStatistics Statistics => throw new NotImplementedException();

    /// <summary>Lookups of a table. Any thread.</summary>
    public SwxLookups TableLookups(int table) => throw new NotImplementedException();

    /// <summary>Lookups of a learner. Any thread.</summary>
    public SwxLookups LearnerLookups(int learner) => throw new NotImplementedException();
}
