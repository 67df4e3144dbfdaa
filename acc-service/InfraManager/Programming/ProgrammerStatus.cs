using System.Collections.Immutable;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Programming;

/// <summary>The programmer's part of <c>ctl status</c>: a consistent snapshot, taken after each batch.</summary>
internal sealed record ProgrammerStatus
{
    /// <summary>The target is primary and its tables were read back. Whether its ports pass packets is a separate condition.</summary>
    public required bool Ready { get; init; }

    public required TargetState TargetState { get; init; }

    /// <summary>Why the target is not ready, in one line; empty while it is.</summary>
    public required string TargetReason { get; init; }

    /// <summary>Why the target's pipeline cannot be used, in one line; empty while it can or is unknown.</summary>
    public string PipelineProblem { get; init; } = "";

    public required int Endpoints { get; init; }

    /// <summary>The node's agent and its epoch.</summary>
    public AgentState Agent { get; init; } = AgentState.None;

    public int Services { get; init; }

    /// <summary>The last ID allocated to a frontend, a backend or the like.</summary>
    public uint LastServiceNumber { get; init; }

    /// <summary>The number of table entries in the desired state.</summary>
    public required long TableEntries { get; init; }

    /// <summary>The number of entries known to differ from the desired state.</summary>
    public required long PendingEntries { get; init; }

    /// <summary>Both numbers by table.</summary>
    public ImmutableArray<TableCounts> Tables { get; init; } = [];

    /// <summary>Entries that still differ after being written; a sample if there are many.</summary>
    public ImmutableArray<RowDifference> Differences { get; init; } = [];

    public required int QueueLength { get; init; }

    public required long QueueBytes { get; init; }

    /// <summary>Write calls, and the updates in them, since the process started.</summary>
    public required long WritesSent { get; init; }

    public required long UpdatesSent { get; init; }

    /// <summary>Durable commits since the process started.</summary>
    public required long Commits { get; init; }

    /// <summary>Whether the target is ready and its tables equal the model.</summary>
    public required bool Reconciled { get; init; }

    public required ReconcileCounts LastReconcile { get; init; }

    public PolicyStatus Policy { get; init; } = PolicyStatus.Off;

    /// <summary>The store's problem in one line; empty while commits succeed.</summary>
    public required string StoreProblem { get; init; }
}

/// <summary>The state of the target as seen by the programmer.</summary>
internal enum TargetState
{
    /// <summary>Not connected.</summary>
    Disconnected,

    /// <summary>Connected, but another controller is primary.</summary>
    Backup,

    /// <summary>Primary; the tables are being read back and compared.</summary>
    Reconciling,

    /// <summary>A reply was lost; the tables must be read back first.</summary>
    UnknownOutcome,

    /// <summary>Primary, and the tables were read back. Entries may still differ.</summary>
    Ready,
}

/// <summary>An endpoint for display.</summary>
/// <param name="Endpoint">As the model holds it.</param>
/// <param name="Port">The pipeline number of the port; null while unknown.</param>
/// <param name="Programmed">Whether all its entries are on the target.</param>
internal sealed record EndpointView(Endpoint Endpoint, uint? Port, bool Programmed);

/// <summary>Another node for display.</summary>
/// <param name="Node">As the model holds it.</param>
/// <param name="Path">How its pods are reached.</param>
/// <param name="Problem">Why some of its pods cannot be reached; empty for no problem.</param>
/// <param name="Programmed">Whether all its entries are on the target.</param>
internal sealed record RemoteNodeView(RemoteNode Node, NodePath Path, string Problem, bool Programmed);

/// <summary>A service for display.</summary>
/// <param name="State">As the model holds it.</param>
/// <param name="Programmed">Whether all its entries are on the target.</param>
internal sealed record ServiceView(ServiceState State, bool Programmed)
{
    /// <summary>All values of <see cref="StateName"/>.</summary>
    public static IReadOnlyList<string> StateNames { get; } = ["programmed", "pending", "removed", "closed", "unserved"];

    /// <summary>
    /// The state for display. A removed service is kept until its flows end. In a closed service some frontends deny every source, because
    /// their list of source ranges cannot be applied. An unserved service cannot be served at all; its problems say why.
    /// </summary>
    public string StateName => State.Spec switch
    {
        { IsUnserved: true } => "unserved",
        { Ports.Count: 0 } => "removed",
        _ when !Programmed => "pending",
        var spec => spec.Ports.Any(p => p.Frontends.Any(f => f.IsClosed)) ? "closed" : "programmed",
    };
}
