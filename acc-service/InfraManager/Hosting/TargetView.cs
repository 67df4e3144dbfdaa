using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>The target, as ctl sees it.</summary>
internal sealed class TargetView(P4Target target) : ITargetView
{
    public Pipeline Pipeline => target.Pipeline;

    public string PipelineName => PipelineArtifacts.PipelineName;

    public ulong Cookie => target.Cookie;

    public IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, CancellationToken cancellationToken) => target.Session.ReadTableAsync(table, cancellationToken);

    public Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken) =>
        target.Session.ReadCountersAsync(counter, cancellationToken);

    public Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken) =>
        target.Session.ReadRowCountersAsync(table, cancellationToken);

    public Task<uint?> GetPortAsync(string name, CancellationToken cancellationToken) => target.FindPortAsync(name, cancellationToken);
}
