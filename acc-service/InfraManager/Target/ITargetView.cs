using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Target;

/// <summary>The target as read by ctl and the metrics.</summary>
internal interface ITargetView
{
    /// <summary>The programmed pipeline; without tables while it is unknown.</summary>
    Pipeline Pipeline { get; }

    /// <summary>The pipeline's name in the configuration.</summary>
    string PipelineName { get; }

    /// <summary>Identifies the compiled pipeline; 0 while it is unknown or has no cookie.</summary>
    ulong Cookie { get; }

    /// <summary>How often this process has loaded the pipeline onto the target. Its tables and counters were empty each time.</summary>
    long PipelineLoads { get; }

    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, CancellationToken cancellationToken);

    /// <summary>The entries that the data plane has learned in a table, as they arrive.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked; UNIMPLEMENTED where it never can.</exception>
    IAsyncEnumerable<LearnedEntry> ReadLearnedAsync(TableSchema table, CancellationToken cancellationToken);

    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken);

    /// <exception cref="P4RuntimeException">The target can't be asked; UNIMPLEMENTED where it never can.</exception>
    Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken);

    /// <summary>Reads all entries of a table with their direct counters.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked; UNIMPLEMENTED where it never can.</exception>
    Task<IReadOnlyList<CountedEntry>> ReadCountedRowsAsync(TableSchema table, CancellationToken cancellationToken);

    /// <summary>All cells of a register array, by index.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked; UNIMPLEMENTED where it never can.</exception>
    Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken);

    /// <summary>Losses and faults of the target that its pipeline's counters do not show; null if it does not report them.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<TargetLosses?> ReadLossesAsync(CancellationToken cancellationToken);

    /// <summary>The state of the target's ports by name; null if it does not report it.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<IReadOnlyDictionary<string, PortStatus>?> ReadPortsAsync(CancellationToken cancellationToken);

    /// <summary>The number of a port; null when there is no such port.</summary>
    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken);
}
