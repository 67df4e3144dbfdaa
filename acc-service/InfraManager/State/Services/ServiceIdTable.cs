using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>The last allocated ID.</summary>
internal sealed record IdCounter(uint Last);

/// <summary>
/// The counter of pipeline IDs, which services, frontends, backends and the like share. Durable, so that no ID is allocated twice. Undo
/// does not take an ID back: it may have been on the target for a moment, where flows learned it.
/// </summary>
internal sealed class ServiceIdTable(StateJournal journal) : StateTable<string, IdCounter>(journal)
{
    private const string LastKey = "services";
    private const string TrustedKey = "trusted";

    public override string Name => "numbers";

    public override IReadOnlyList<string> KeyColumns => ["name"];

    public override IReadOnlyList<string> ValueColumns => ["last"];

    /// <summary>The last allocated ID; 0 when there is none.</summary>
    public uint Last => Find(LastKey)?.Last ?? 0;

    /// <summary>
    /// The last ID allocated while the target's high-water mark was known, if more were allocated since; null if none were.
    /// </summary>
    public uint? Trusted => Find(TrustedKey)?.Last;

    protected override bool CanUndo => false;

    /// <summary>Allocates an ID that has not been used since the target's pipeline was loaded.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: all 2^32 - 1 IDs are used up.</exception>
    public uint Next()
    {
        var last = Last;
        if (last == uint.MaxValue)
        {
            throw new IntentException(
                IntentError.ResourceExhausted,
                "all 2^32 IDs of frontends and backends are used up, and the target's learned flows may refer to any of them; restart the "
                    + "target, which drops the flows and restarts numbering")
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
