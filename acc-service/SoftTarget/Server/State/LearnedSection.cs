using ACCOffload.SoftTarget.Server.Bind;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>
/// Entries that the data plane has learned, with their timeouts. They are not the controllers' state, so they need no lock and no copy of
/// the whole table: they are taken from the engine in parts, as the answer is sent. Entries that are learned, renewed or expire meanwhile
/// may or may not be in the answer.
/// </summary>
/// <param name="state">The running pipeline.</param>
/// <param name="table">The learner's table.</param>
/// <param name="key">The packed key of the requested entry; null for all.</param>
/// <param name="action">The engine's action of the requested entries; negative for any.</param>
/// <param name="withIdleTime">Whether to write <c>time_since_last_hit</c> (p4runtime.proto: only if the request has it).</param>
internal sealed class LearnedSection(PipelineState state, BoundTable table, byte[]? key, int action, bool withIdleTime) : ReadSection
{
    // At most 4,096 entries at a time.
    private const uint BucketsPerPart = 512;

    private readonly TableRows _rows = new(table);
    private readonly List<(ulong Timeout, ulong Idle)> _times = [];
    private readonly IReadOnlyList<int> _timeouts = state.Bound.Program.Learners[table.Engine].Timeouts;
    private uint _position;
    private bool _isLast;
    private int _index = -1;

    public override int EntityBytes => 256 + (table.Fields.Length * 48) + (2 * table.KeyBytes) + (table.DataBytes * 24);

    public override bool MoveNext()
    {
        _index++;
        while (_index >= _rows.Count)
        {
            if (_isLast)
            {
                return false;
            }

            _index = 0;
            _rows.Clear();
            _times.Clear();
            _position = state.Engine.VisitLearned(table.Engine, _position, BucketsPerPart, Add);
            _isLast = _position == 0;
        }

        return true;
    }

    public override void Write(ref BackwardWriter writer)
    {
        var row = _rows[_index];
        var (timeout, idle) = _times[_index];
        var start = writer.Length;
        if (withIdleTime)
        {
            writer.Number(1, idle);
            writer.Message(10, start);
        }

        writer.Number(9, timeout);
        if (table.FindEngineAction(row.Action) is { } named)
        {
            var begin = writer.Length;
            EntryWriter.Action(ref writer, 1, named, row.Data);
            writer.Message(3, begin);
        }

        EntryWriter.Matches(ref writer, table, row);
        writer.Number(1, table.Id);
        writer.Message((uint)Entity.EntityOneofCase.TableEntry, start);
    }

    public override void Dispose()
    {
        _rows.Dispose();
        base.Dispose();
    }

    private bool Add(ReadOnlySpan<byte> learned, int learnedAction, ReadOnlySpan<byte> data, int timeoutId, TimeSpan remaining)
    {
        if ((key is null || key.AsSpan().SequenceEqual(learned)) && (action < 0 || action == learnedAction))
        {
            // IDs beyond the specification's stand for the first timeout, as in the engine.
            var timeout = TimeSpan.FromSeconds(_timeouts[timeoutId < _timeouts.Count ? timeoutId : 0]);
            // Another thread may have restarted the timer after the time was taken.
            var idle = remaining < timeout ? timeout - remaining : TimeSpan.Zero;
            _rows.Add(learned, default, 0, learnedAction, data);
            _times.Add((Nanoseconds(timeout), Nanoseconds(idle)));
        }

        return true;
    }

    private static ulong Nanoseconds(TimeSpan time) => (ulong)time.Ticks * TimeSpan.NanosecondsPerTick;
}
