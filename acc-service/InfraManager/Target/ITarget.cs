using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Target;

/// <summary>
/// The device as the programmer sees it: P4Runtime for tables, gNMI for ports. An interface because the model-based tests run
/// tens of thousands of sequences against one in memory.
/// </summary>
internal interface ITarget
{
    /// <summary>Where the connection stands now. Any thread.</summary>
    TargetConnection Connection { get; }

    /// <summary>The connection changed. Any thread; handlers return at once.</summary>
    event Action? ConnectionChanged;

    /// <summary>The pipeline that is programmed; null while it is the target's own and was not fetched yet.</summary>
    Pipeline? Pipeline { get; }

    /// <summary>What the target can do. <see cref="TargetTraits.Soft"/> until <see cref="IdentifyAsync"/> has asked it.</summary>
    TargetTraits Traits { get; }

    /// <summary>Finds out what kind of target it is, unless the configuration says.</summary>
    /// <exception cref="P4RuntimeException">It does not answer.</exception>
    Task IdentifyAsync(CancellationToken cancellationToken);

    /// <summary>Loads our pipeline unless the target has it; or, where it is the target's own, fetches that.</summary>
    /// <returns>Whether it was pushed, in which case the tables are empty.</returns>
    /// <exception cref="P4RuntimeException">Failed, or the outcome is not known.</exception>
    Task<bool> EnsurePipelineAsync(CancellationToken cancellationToken);

    /// <summary>Every entry of these tables, without default entries.</summary>
    /// <exception cref="P4RuntimeException">Failed half-way.</exception>
    IAsyncEnumerable<Entry> ReadAsync(IReadOnlyCollection<TableSchema> tables, CancellationToken cancellationToken);

    /// <summary>Those of these entries that are there, read by their keys.</summary>
    /// <exception cref="P4RuntimeException">Failed half-way.</exception>
    IAsyncEnumerable<Entry> ReadEntriesAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken);

    /// <summary>One Write. Never throws for what the target or the network does.</summary>
    Task<WriteResult> WriteAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken);

    /// <summary>All ports by name, or null where the target can't list them.</summary>
    /// <exception cref="P4RuntimeException">Failed.</exception>
    Task<IReadOnlyDictionary<string, uint>?> ListPortsAsync(CancellationToken cancellationToken);

    /// <summary>The number of a port, or null.</summary>
    /// <exception cref="P4RuntimeException">Failed.</exception>
    Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken);

    /// <summary>The number that a port has by what its device is; null where the target says it.</summary>
    uint? ImpliedPort(PortSpec port);

    /// <summary>Creates a port if there is none, and returns its number.</summary>
    /// <exception cref="P4RuntimeException">Refused, or the outcome is not known.</exception>
    Task<uint> AddPortAsync(PortSpec port, CancellationToken cancellationToken);

    /// <summary>Removes a port; succeeds when there is none.</summary>
    /// <exception cref="P4RuntimeException">Refused, or the outcome is not known.</exception>
    Task RemovePortAsync(string name, CancellationToken cancellationToken);
}

/// <summary>Where the connection to the target stands.</summary>
/// <param name="State">Disconnected, backup or primary.</param>
/// <param name="Reason">One line; empty while primary.</param>
/// <param name="Generation">Larger each time that primary is gained: what was known of the tables before is no longer sure.</param>
internal sealed record TargetConnection(SessionState State, string Reason, long Generation)
{
    public bool IsPrimary => State == SessionState.Primary;
}
