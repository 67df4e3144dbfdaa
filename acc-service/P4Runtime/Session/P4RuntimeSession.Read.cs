using System.Runtime.CompilerServices;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Wire;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    // A Read that makes progress may take a long time, but not forever.
    private const int WholeReadFactor = 10;

    // Each missing entry adds an error to the trailers.
    private const int KeysPerRead = 128;

    /// <summary>
    /// Reads a table, or all tables of <see cref="Pipeline"/>, as the entries arrive. Default, constant and learned entries (those with an
    /// idle timeout) are omitted: the controller does not own them.
    /// </summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed or does not fit the pipeline.</exception>
    public IAsyncEnumerable<Entry> ReadTableAsync(TableSchema? table = null, CancellationToken cancellationToken = default)
    {
        var pipeline = table?.Pipeline ?? Pipeline
            ?? throw new InvalidOperationException("all tables can be read only after EnsurePipelineAsync or FetchPipelineAsync");
        return ReadTablesAsync(table is null ? [.. pipeline.Tables.Where(t => !t.IsConst)] : [table], cancellationToken);
    }

    /// <summary>Reads several tables of one pipeline, as <see cref="ReadTableAsync"/> does.</summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed or does not fit the pipeline.</exception>
    public async IAsyncEnumerable<Entry> ReadTablesAsync(
        IReadOnlyCollection<TableSchema> tables, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tables);
        if (tables.Count == 0)
        {
            yield break;
        }

        var pipeline = tables.First().Pipeline;
        var asked = tables.ToHashSet();
        var what = asked.Count == 1 ? $"reading table {tables.First().Alias}" : "reading the tables";
        var request = new ReadRequest { DeviceId = _options.DeviceId, Role = _options.Role };
        request.Entities.AddRange(asked.Select(EntityOf));

        await foreach (var entry in ReadRowsAsync(
            what, WireMethods.Read(pipeline), static e => e.Table, asked, request, isAbsence: static _ => false, cancellationToken))
        {
            yield return entry;
        }
    }

    /// <summary>Reads entries of one pipeline by their keys. Missing entries are omitted.</summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed or does not fit the pipeline.</exception>
    public async IAsyncEnumerable<Entry> ReadEntriesAsync(
        IReadOnlyCollection<EntryKey> keys, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        const string What = "reading entries by their keys";
        foreach (var some in keys.Chunk(KeysPerRead))
        {
            var request = new ReadRequest { DeviceId = _options.DeviceId, Role = _options.Role };
            request.Entities.AddRange(some.Select(UpdateEncoder.KeyOf));
            var asked = some.Select(k => k.Table).ToHashSet();
            await foreach (var entry in ReadRowsAsync(
                What, WireMethods.Read(some[0].Table.Pipeline), static e => e.Table, asked, request, ReadFault.IsAbsence,
                cancellationToken))
            {
                yield return entry;
            }
        }
    }

    /// <summary>
    /// Reads the entries that the data plane has learned in a table, as they arrive. Entries that are learned or expire meanwhile may be
    /// missing.
    /// </summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed or does not fit the pipeline.</exception>
    public IAsyncEnumerable<LearnedEntry> ReadLearnedAsync(TableSchema table, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(table);
        var request = new ReadRequest { DeviceId = _options.DeviceId, Role = _options.Role };
        // Its presence asks for the idle times (p4runtime.proto).
        var asked = new P4.V1.TableEntry { TableId = table.Id, TimeSinceLastHit = new P4.V1.TableEntry.Types.IdleTimeout() };
        request.Entities.Add(new Entity { TableEntry = asked });
        return ReadRowsAsync(
            $"reading the learned entries of table {table.Alias}", WireMethods.ReadLearned(table.Pipeline), static e => e.Entry.Table,
            [table], request, isAbsence: static _ => false, cancellationToken);
    }

    /// <summary>Reads all cells of a counter.</summary>
    /// <param name="counter">The counter.</param>
    /// <param name="byIndex">Read each index separately, for targets without wildcard reads.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed.</exception>
    public async Task<IReadOnlyList<CounterCell>> ReadCountersAsync(
        CounterSchema counter, bool byIndex, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(counter);
        var what = $"reading counter {counter.Alias}";
        var cells = new SortedDictionary<long, CounterCell>();
        var asked = byIndex
            ? Enumerable.Range(0, (int)counter.Size)
                .Select(i => new CounterEntry { CounterId = counter.Id, Index = new P4.V1.Index { Index_ = i } })
            : [new CounterEntry { CounterId = counter.Id }];
        await foreach (var entity in ReadEntitiesAsync(what, [.. asked.Select(c => new Entity { CounterEntry = c })], cancellationToken))
        {
            var cell = entity.CounterEntry ?? throw Malformed(what, "it contains an entity that is not a counter");
            var index = CheckIndex(what, cell.CounterId == counter.Id, cell.Index, counter.Size);
            if (!cells.TryAdd(index, new CounterCell(index, cell.Data?.PacketCount ?? 0, cell.Data?.ByteCount ?? 0)))
            {
                throw Malformed(what, $"it contains index {index} twice");
            }
        }

        return [.. cells.Values];
    }

    /// <summary>Reads the direct counters of a table whose fields are all exact, in no particular order.</summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed.</exception>
    public async Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(table);
        var what = $"reading the counters of table {table.Alias}";
        var counters = new List<RowCounter>();
        var key = table.NewEntry();
        var asked = new Entity { DirectCounterEntry = new DirectCounterEntry { TableEntry = new P4.V1.TableEntry { TableId = table.Id } } };
        await foreach (var entity in ReadEntitiesAsync(what, [asked], cancellationToken))
        {
            if (entity.DirectCounterEntry is not { TableEntry: { } row } counter || row.TableId != table.Id)
            {
                throw Malformed(what, "it contains an entity that is not a counter of the table");
            }

            try
            {
                foreach (var match in row.Match)
                {
                    var field = table.Fields.FirstOrDefault(f => f.Id == match.FieldId)
                        ?? throw Malformed(what, $"the table has no field id {match.FieldId}");
                    key.Exact(field.Name, (match.Exact ?? throw Malformed(what, $"field {field.Name} is not exact")).Value.Span);
                }

                counters.Add(new RowCounter(key.BuildKey().Key, counter.Data?.PacketCount ?? 0, counter.Data?.ByteCount ?? 0));
            }
            catch (EntryException e)
            {
                throw Malformed(what, e.Message);
            }
        }

        return counters;
    }

    /// <summary>Reads a table's entries with their direct counters, in no particular order and from one moment.</summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed or does not fit the pipeline.</exception>
    public async Task<IReadOnlyList<CountedEntry>> ReadCountedEntriesAsync(TableSchema table, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(table);
        var request = new ReadRequest { DeviceId = _options.DeviceId, Role = _options.Role };
        request.Entities.Add(new Entity { TableEntry = new P4.V1.TableEntry { TableId = table.Id, CounterData = new CounterData() } });
        var counted = new List<CountedEntry>();
        await foreach (var entry in ReadRowsAsync(
            $"reading table {table.Alias} with its counters", WireMethods.ReadCounted(table.Pipeline), static e => e.Entry.Table, [table],
            request, isAbsence: static _ => false, cancellationToken))
        {
            counted.Add(entry);
        }

        return counted;
    }

    /// <summary>Reads all cells of a register array, by index.</summary>
    /// <exception cref="P4RuntimeException">The Read failed, or the answer is malformed.</exception>
    public async Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(register);
        var what = $"reading register {register.Alias}";
        var cells = new SortedDictionary<long, RegisterCell>();
        await foreach (var entity in ReadEntitiesAsync(
            what, [new Entity { RegisterEntry = new RegisterEntry { RegisterId = register.Id } }], cancellationToken))
        {
            var cell = entity.RegisterEntry ?? throw Malformed(what, "it contains an entity that is not a register");
            var index = CheckIndex(what, cell.RegisterId == register.Id, cell.Index, register.Size);
            if (cell.Data is null || cell.Data.DataCase != P4Data.DataOneofCase.Bitstring)
            {
                throw Malformed(what, $"index {index} is not a bit string");
            }

            if (!cells.TryAdd(index, new RegisterCell(index, cell.Data.Bitstring.Memory)))
            {
                throw Malformed(what, $"it contains index {index} twice");
            }
        }

        return [.. cells.Values];
    }

    private static Entity EntityOf(TableSchema table) => table.Kind switch
    {
        TableKind.ProfileMembers => new Entity { ActionProfileMember = new ActionProfileMember { ActionProfileId = table.Id } },
        TableKind.ProfileGroups => new Entity { ActionProfileGroup = new ActionProfileGroup { ActionProfileId = table.Id } },
        _ => new Entity { TableEntry = new P4.V1.TableEntry { TableId = table.Id } },
    };

    private static long CheckIndex(string what, bool idMatches, P4.V1.Index? index, long size)
    {
        var value = index?.Index_ ?? 0;
        return idMatches && value >= 0 && value < size ? value
            : throw Malformed(what, idMatches ? $"index {value} is not below {size}" : "it contains cells of another object");
    }

    private static P4RuntimeException Malformed(string what, string fault) =>
        new(StatusCode.DataLoss, $"{what} failed: the answer is malformed: {fault}");

    private static T Begin<T>(string what, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (ObjectDisposedException e)
        {
            throw new P4RuntimeException(StatusCode.Unavailable, $"{what} failed: the connection ended", e);
        }
    }

    /// <param name="what">The operation, for messages.</param>
    /// <param name="method">Decodes the answer.</param>
    /// <param name="tableOf">The table of an entry.</param>
    /// <param name="asked">The requested tables; an entry of another table is an error.</param>
    /// <param name="request">The Read.</param>
    /// <param name="isAbsence">Whether an error only means that entries are missing.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    private async IAsyncEnumerable<T> ReadRowsAsync<T>(
        string what, Method<ReadRequest, ReadBatch<T>> method, Func<T, TableSchema> tableOf, HashSet<TableSchema> asked,
        ReadRequest request, Func<P4RuntimeException, bool> isAbsence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var live = Connected(what);
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = Begin(
            what, () => live.Channel.Invoker.AsyncServerStreamingCall(method, null, Long(cancellationToken), request));
        while (true)
        {
            try
            {
                if (!await NextAsync(what, call.ResponseStream, idle, cancellationToken))
                {
                    break;
                }
            }
            catch (P4RuntimeException e) when (isAbsence(e))
            {
                break;
            }

            var batch = call.ResponseStream.Current;
            if (batch.Fault is not null)
            {
                throw Malformed(what, batch.Fault);
            }

            foreach (var entry in batch.Entries)
            {
                if (tableOf(entry) is var table && !asked.Contains(table))
                {
                    throw Malformed(what, $"it contains an entry of table {table.Alias}");
                }

                yield return entry;
            }
        }
    }

    private async IAsyncEnumerable<Entity> ReadEntitiesAsync(
        string what, Entity[] entities, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var live = Connected(what);
        var request = new ReadRequest { DeviceId = _options.DeviceId, Role = _options.Role, Entities = { entities } };
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = Begin(what, () => live.Client.Read(request, Long(cancellationToken)));
        while (await NextAsync(what, call.ResponseStream, idle, cancellationToken))
        {
            foreach (var found in call.ResponseStream.Current.Entities)
            {
                yield return found;
            }
        }
    }

    private CallOptions Long(CancellationToken cancellationToken) =>
        new(deadline: Deadline(_options.ReadTimeout * WholeReadFactor), cancellationToken: cancellationToken);

    private async Task<bool> NextAsync<T>(
        string what, IAsyncStreamReader<T> stream, CancellationTokenSource idle, CancellationToken cancellationToken)
    {
        // The time the consumer takes between two messages does not count.
        idle.CancelAfter(_options.ReadTimeout);
        try
        {
            return await stream.MoveNext(idle.Token);
        }
        catch (Exception e) when (e is RpcException { StatusCode: StatusCode.Cancelled } or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw idle.IsCancellationRequested
                ? new P4RuntimeException(
                    StatusCode.DeadlineExceeded, $"{what} failed: the target sent nothing for {_options.ReadTimeout.TotalSeconds:0.#} s", e)
                : new P4RuntimeException(StatusCode.Cancelled, $"{what} failed: {RpcFault.Describe(e)}", e);
        }
        catch (RpcException e)
        {
            throw RpcFault.ToException(what, e);
        }
        finally
        {
            idle.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }
}
