using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Control;

/// <summary>What ctl reads back from the target; the tests put their own behind it.</summary>
internal interface ITargetView
{
    /// <summary>The pipeline that the service programs.</summary>
    Pipeline Pipeline { get; }

    string PipelineName { get; }

    ulong Cookie { get; }

    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, CancellationToken cancellationToken);

    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken);

    /// <exception cref="P4RuntimeException">The target can't be asked.</exception>
    Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken);

    /// <summary>The port's number on the target; null when there is no such port.</summary>
    Task<uint?> GetPortAsync(string name, CancellationToken cancellationToken);
}
