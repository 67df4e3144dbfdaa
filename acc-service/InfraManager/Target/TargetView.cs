using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Target;

/// <summary>The target, as ctl sees it.</summary>
internal sealed class TargetView(P4Target target, GnmiClient gnmi, Func<PortReport> ports, string pipelineName) : ITargetView
{
    private static readonly Pipeline Unknown = Pipeline.FromP4Info(new P4.Config.V1.P4Info());

    /// <summary>Without any table while the target's own was not fetched.</summary>
    public Pipeline Pipeline => target.Pipeline ?? Unknown;

    public string PipelineName => pipelineName;

    public PortReport Ports => ports();

    public ulong Cookie => target.Cookie;

    public IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, CancellationToken cancellationToken) => target.Session.ReadTableAsync(table, cancellationToken);

    public Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken) =>
        target.Session.ReadCountersAsync(counter, byIndex: !target.Traits.ReadsWholeCounters, cancellationToken);

    public Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken) =>
        target.Traits.ReadsRowCounters
            ? target.Session.ReadRowCountersAsync(table, cancellationToken)
            : throw new P4RuntimeException(Grpc.Core.StatusCode.Unimplemented, $"the counters of table {table.Alias} are not available on this target ({target.Traits.Name})");

    public Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken) =>
        target.Traits.ReadsRegisters
            ? target.Session.ReadRegistersAsync(register, cancellationToken)
            : throw new P4RuntimeException(Grpc.Core.StatusCode.Unimplemented, $"registers are not available on this target ({target.Traits.Name})");

    public Task<TargetLosses?> ReadLossesAsync(CancellationToken cancellationToken) => gnmi.GetLossesAsync(cancellationToken);

    public Task<IReadOnlyDictionary<string, PortStatus>?> ReadPortsAsync(CancellationToken cancellationToken) => gnmi.GetPortStatesAsync(cancellationToken);

    public Task<uint?> GetPortAsync(string name, CancellationToken cancellationToken) => target.FindPortAsync(name, cancellationToken);
}
