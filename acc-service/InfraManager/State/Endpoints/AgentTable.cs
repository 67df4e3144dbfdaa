using ACCOffload.InfraManager.State.Tables;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>The state of a node's agent.</summary>
/// <param name="Epoch">The epoch that was assigned last; only its requests are accepted. 0: none yet.</param>
/// <param name="Sequence">The sequence number of the newest Sync within the epoch.</param>
/// <param name="Name">The name of the agent process that has the epoch; empty after the operator ended it.</param>
internal sealed record AgentState(ulong Epoch, ulong Sequence, string Name)
{
    public static AgentState None { get; } = new(0, 0, "");

    /// <summary>Requests older than this are refused.</summary>
    public RequestStamp Floor => new(Epoch, Sequence);
}

/// <summary>The agents by node.</summary>
internal sealed class AgentTable(StateJournal journal) : StateTable<string, AgentState>(journal)
{
    public override string Name => "agents";

    public override IReadOnlyList<string> KeyColumns => ["node"];

    public override IReadOnlyList<string> ValueColumns => ["epoch", "sequence", "name"];

    /// <summary>The node's agent; <see cref="AgentState.None"/> if it never began.</summary>
    public AgentState Of(string node) => Find(node) ?? AgentState.None;

    protected override void WriteKey(RowWriter row, string key) => row.Add(key);

    protected override void WriteValue(RowWriter row, AgentState value) => row.Add(value.Epoch).Add(value.Sequence).Add(value.Name);

    protected override (string Key, AgentState Value) ReadRow(RowReader row) =>
        (row.Text(), new AgentState(row.UInt64(), row.UInt64(), row.Text()));
}
