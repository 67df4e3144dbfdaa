using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>How far ids were given out.</summary>
internal sealed record IdCounter(uint Last);

/// <summary>
/// The counters of the ids that services, frontends, backends and the like have in the pipeline. Durable, so that no id is given out twice;
/// never taken back, since an id whose change was undone may have been on the target for a moment, where flows learned it.
/// </summary>
internal sealed class ServiceIdTable(StateJournal journal) : StateTable<string, IdCounter>(journal)
{
    private const string LastKey = "services";
    private const string TrustedKey = "trusted";

    public override string Name => "numbers";

    public override IReadOnlyList<string> KeyColumns => ["name"];

    public override IReadOnlyList<string> ValueColumns => ["last"];

    /// <summary>The last id that was given out; 0 for none.</summary>
    public uint Last => Find(LastKey)?.Last ?? 0;

    /// <summary>
    /// The last id that was given out while the target's own mark of them was known, if others were given out since; null if none were.
    /// </summary>
    public uint? Trusted => Find(TrustedKey)?.Last;

    protected override bool CanUndo => false;

    /// <summary>An id that was never given out since the target has its pipeline.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: all 2^32 - 1 are.</exception>
    public uint Next()
    {
        var last = Last;
        if (last == uint.MaxValue)
        {
            throw new IntentException(
                IntentError.ResourceExhausted,
                "all 2^32 numbers of frontends and backends were given out, and the target's learned flows may hold any of them; "
                    + "restart the target: it forgets them, and numbers start again")
            {
                IsLasting = true,
            };
        }

        SetLast(last + 1);
        return last + 1;
    }

    public void SetLast(uint id) => Set(LastKey, new IdCounter(id));

    public void SetTrusted(uint? id) => Set(TrustedKey, id is { } known ? new IdCounter(known) : null);

    protected override void WriteKey(RowWriter row, string key) => row.Add(key);

    protected override void WriteValue(RowWriter row, IdCounter value) => row.Add(value.Last);

    protected override (string Key, IdCounter Value) ReadRow(RowReader row) => (row.Text(), new IdCounter(row.UInt32()));
}
