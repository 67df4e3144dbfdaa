using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Target;

/// <summary>
/// The device as the programmer sees it: P4Runtime for tables, gNMI for ports. It is an interface so that the model-based tests can run
/// tens of thousands of sequences against a target in memory.
/// </summary>
internal interface ITarget
{
    /// <summary>The current state of the connection. Thread-safe.</summary>
    TargetConnection Connection { get; }

    /// <summary>Raised on any thread when the connection changed; handlers must not block.</summary>
    event Action? ConnectionChanged;

    /// <summary>The programmed pipeline; null while it is the target's own and was not fetched yet.</summary>
    Pipeline? Pipeline { get; }

    /// <summary>The target's capabilities; <see cref="TargetTraits.Soft"/> until <see cref="IdentifyAsync"/> has detected them.</summary>
    TargetTraits Traits { get; }

    /// <summary>Detects the kind of target, unless it is configured.</summary>
    /// <exception cref="P4RuntimeException">The target did not answer.</exception>
    Task IdentifyAsync(CancellationToken cancellationToken);

    /// <summary>Pushes our pipeline unless the target has it, or fetches the target's own.</summary>
    /// <returns>Whether the pipeline was pushed, in which case the tables are empty.</returns>
    /// <exception cref="P4RuntimeException">Failed, or the outcome is not known.</exception>
    Task<bool> EnsurePipelineAsync(CancellationToken cancellationToken);

    /// <summary>Reads all entries of these tables, without default entries.</summary>
    /// <exception cref="P4RuntimeException">Failed half-way.</exception>
    IAsyncEnumerable<Entry> ReadAsync(IReadOnlyCollection<TableSchema> tables, CancellationToken cancellationToken);

    /// <summary>Reads the existing entries among these keys.</summary>
    /// <exception cref="P4RuntimeException">Failed half-way.</exception>
    IAsyncEnumerable<Entry> ReadEntriesAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken);

    /// <summary>Sends one Write. Failures of the target or the network are results, not exceptions.</summary>
    Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken);

    /// <summary>Lists all ports by name with their pipeline numbers; null if the target cannot list them.</summary>
    /// <exception cref="P4RuntimeException">Failed.</exception>
    Task<IReadOnlyDictionary<string, uint>?> ListPortsAsync(CancellationToken cancellationToken);

    /// <summary>The pipeline number of a port; null if there is no such port.</summary>
    /// <exception cref="P4RuntimeException">Failed.</exception>
    Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken);

    /// <summary>The pipeline number that follows from the port's device; null if the target assigns it.</summary>
    uint? ImpliedPort(PortSpec port);

    /// <summary>Creates a port if it does not exist, and returns its pipeline number.</summary>
    /// <exception cref="P4RuntimeException">Refused, or the outcome is not known.</exception>
    Task<uint> AddPortAsync(PortSpec port, CancellationToken cancellationToken);

    /// <summary>Removes a port; succeeds if it does not exist.</summary>
    /// <exception cref="P4RuntimeException">Refused, or the outcome is not known.</exception>
    Task RemovePortAsync(string name, CancellationToken cancellationToken);
}

/// <summary>The state of the connection to the target.</summary>
/// <param name="State">Disconnected, backup or primary.</param>
/// <param name="Reason">Why we are not primary, in one line; empty while we are.</param>
/// <param name="Generation">Incremented each time we become primary: what was known about the tables before is no longer certain.</param>
internal sealed record TargetConnection(SessionState State, string Reason, long Generation)
{
    public bool IsPrimary => State == SessionState.Primary;
}
