using System.Collections.Immutable;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Programming;

/// <summary>What <c>ctl status</c> shows of the programmer; a consistent snapshot, taken after each batch.</summary>
internal sealed record ProgrammerStatus
{
    /// <summary>The target is primary and its tables were read back. Whether packets pass is more than that: see the conditions.</summary>
    public required bool Ready { get; init; }

    public required TargetState TargetState { get; init; }

    /// <summary>One line; empty while ready.</summary>
    public required string TargetReason { get; init; }

    /// <summary>Why the target's pipeline can't be used; one line, empty while it can or is not known.</summary>
    public string PipelineProblem { get; init; } = "";

    public required int Endpoints { get; init; }

    /// <summary>The node's agent and its epoch.</summary>
    public AgentState Agent { get; init; } = AgentState.None;

    public int Services { get; init; }

    /// <summary>The last id that a frontend, a backend or the like was given.</summary>
    public uint LastServiceNumber { get; init; }

    /// <summary>Entries that the model wants in the tables.</summary>
    public required long TableEntries { get; init; }

    /// <summary>Entries that the tables do not hold as wanted, as far as is known.</summary>
    public required long PendingEntries { get; init; }

    /// <summary>The same by table.</summary>
    public ImmutableArray<TableCounts> Tables { get; init; } = [];

    /// <summary>Entries that stay other than wanted however often they are written; some of them if there are many.</summary>
    public ImmutableArray<RowDifference> Differences { get; init; } = [];

    public required int QueueLength { get; init; }

    public required long QueueBytes { get; init; }

    /// <summary>Write calls, and the updates in them, since the process started.</summary>
    public required long WritesSent { get; init; }

    public required long UpdatesSent { get; init; }

    /// <summary>Durable commits since the process started.</summary>
    public required long Commits { get; init; }

    /// <summary>Whether the tables were read back and found, or made, equal to the model since the target was last reached.</summary>
    public required bool Reconciled { get; init; }

    public required ReconcileCounts LastReconcile { get; init; }

    /// <summary>One line on what is wrong with the store; empty while commits succeed.</summary>
    public required string StoreProblem { get; init; }
}

/// <summary>The target as the programmer sees it.</summary>
internal enum TargetState
{
    /// <summary>Not connected.</summary>
    Away,

    /// <summary>Connected, but another controller is primary.</summary>
    Backup,

    /// <summary>Primary; the tables are being read back and compared.</summary>
    Reconciling,

    /// <summary>A reply was lost: what the tables hold must be read back first.</summary>
    UnknownOutcome,

    /// <summary>Primary, and the tables equal the model.</summary>
    Ready,
}

/// <summary>An endpoint for display.</summary>
/// <param name="Endpoint">As the model holds it.</param>
/// <param name="Port">Null while not known.</param>
/// <param name="Programmed">Whether all its entries are on the target.</param>
internal sealed record EndpointView(Endpoint Endpoint, uint? Port, bool Programmed);

/// <summary>A service for display.</summary>
/// <param name="State">As the model holds it.</param>
/// <param name="Programmed">Whether all its entries are on the target.</param>
internal sealed record ServiceView(ServiceState State, bool Programmed)
{
    /// <summary>All that <see cref="StateName"/> may be.</summary>
    public static IReadOnlyList<string> StateNames { get; } = ["programmed", "pending", "removed", "closed", "unserved"];

    /// <summary>
    /// What became of it. A removed one is kept for the flows that it still has. Of a closed one some frontends deny every source, because
    /// their list of source ranges can't be applied. An unserved one can't be served at all; the reason is among its problems.
    /// </summary>
    public string StateName => State.Spec switch
    {
        { IsUnserved: true } => "unserved",
        { Ports.Count: 0 } => "removed",
        _ when !Programmed => "pending",
        var spec => spec.Ports.Any(p => p.Frontends.Any(f => f.IsClosed)) ? "closed" : "programmed",
    };
}
