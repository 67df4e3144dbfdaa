using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Tables;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>
/// The objects that policy follows from. They are stored, so that a restart while the API server is away neither opens nor closes anything.
/// </summary>
internal sealed class PolicyObjectTable(StateJournal journal) : StateTable<PolicyObjectKey, PolicyObject>(journal)
{
    public override string Name => "policy_objects";

    public override IReadOnlyList<string> KeyColumns => ["kind", "name"];

    public override IReadOnlyList<string> ValueColumns => ["object"];

    /// <summary>The number of policies of all kinds.</summary>
    public int Policies { get; private set; }

    protected override void OnReplaced(PolicyObjectKey key, PolicyObject? old, PolicyObject? value)
    {
        if (key.Kind is PolicyObjectKind.NetworkPolicy or PolicyObjectKind.ClusterNetworkPolicy)
        {
            Policies += (value is null ? 0 : 1) - (old is null ? 0 : 1);
        }
    }

    protected override void WriteKey(RowWriter row, PolicyObjectKey key) => row.Add((long)key.Kind).Add(key.Name);

    protected override void WriteValue(RowWriter row, PolicyObject value) => row.Add(PolicyObjectJson.Write(value));

    protected override (PolicyObjectKey Key, PolicyObject Value) ReadRow(RowReader row)
    {
        var key = new PolicyObjectKey(row.Enum<PolicyObjectKind>(), row.Text());
        var value = PolicyObjectJson.Read(key.Kind, row.Text());
        return value.ObjectKey == key ? (key, value) : throw new FormatException($"{value.ObjectKey} is stored as {key}");
    }
}
