using ACCOffload.InfraManager.State.Tables;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>Whether all objects that policy follows from have been listed once: at most one row.</summary>
internal sealed class PolicySyncTable(StateJournal journal) : StateTable<long, string>(journal)
{
    private const long OnlyKey = 1;
    private const string Kubernetes = "kubernetes";

    public override string Name => "policy_sync";

    public override IReadOnlyList<string> KeyColumns => ["id"];

    public override IReadOnlyList<string> ValueColumns => ["source"];

    /// <summary>Until then it is not known which policies there are.</summary>
    public bool IsSynced => Find(OnlyKey) is not null;

    public void Set(bool isSynced) => Set(OnlyKey, isSynced ? Kubernetes : null);

    protected override void WriteKey(RowWriter row, long key) => row.Add(key);

    protected override void WriteValue(RowWriter row, string value) => row.Add(value);

    protected override (long Key, string Value) ReadRow(RowReader row) => (row.Int64(), row.Text());
}
