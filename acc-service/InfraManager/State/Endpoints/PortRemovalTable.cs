using ACCOffload.InfraManager.State.Tables;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>Marks a port that we created, that no endpoint needs any more, and that the target still has.</summary>
internal sealed record PortRemoval
{
    // The row has no values besides its key.
    public static PortRemoval Pending { get; } = new();
}

/// <summary>The ports that are still to be removed from the target, by name.</summary>
internal sealed class PortRemovalTable(StateJournal journal) : StateTable<string, PortRemoval>(journal)
{
    public override string Name => "port_removals";

    public override IReadOnlyList<string> KeyColumns => ["name"];

    public void Add(string port) => Set(port, PortRemoval.Pending);

    protected override void WriteKey(RowWriter row, string key) => row.Add(key);

    protected override void WriteValue(RowWriter row, PortRemoval value)
    {
    }

    protected override (string Key, PortRemoval Value) ReadRow(RowReader row) => (row.Text(), PortRemoval.Pending);
}
