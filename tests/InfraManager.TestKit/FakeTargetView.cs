using System.Runtime.CompilerServices;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;
using P4.Config.V1;

namespace ACCOffload.InfraManager.TestKit;

/// <summary>Rows and counters of the compiled pipeline, as a target would report them.</summary>
internal sealed class FakeTargetView : ITargetView
{
    public Pipeline Pipeline { get; set; } =
        Pipeline.FromP4Info(
            P4Info.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "pipeline", "k8s_dp.p4info.bin"))));

    public string PipelineName { get; set; } = "k8s_dp";

    public ulong Cookie => 0x0123456789abcdef;

    public List<Entry> Entries { get; } = [];

    public P4RuntimeException? Failure { get; set; }

    public async IAsyncEnumerable<Entry> ReadTableAsync(TableSchema table, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (Failure is not null)
        {
            throw Failure;
        }

        foreach (var entry in Entries.Where(e => e.Table.Id == table.Id))
        {
            yield return entry;
        }
    }

    /// <summary>What the data plane has learned; null: the target cannot list it.</summary>
    public List<LearnedEntry>? Learned { get; set; } = [];

    public async IAsyncEnumerable<LearnedEntry> ReadLearnedAsync(
        TableSchema table, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (Failure is not null)
        {
            throw Failure;
        }

        foreach (var entry in Learned ?? throw new P4RuntimeException(
            StatusCode.Unimplemented, "this target (p4-dpdk) does not list what its pipeline has learned"))
        {
            if (entry.Entry.Table.Id == table.Id)
            {
                yield return entry;
            }
        }
    }

    public Task<IReadOnlyList<CounterCell>> ReadCountersAsync(CounterSchema counter, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CounterCell>>(Failure is null
            ? [.. Enumerable.Range(0, 64).Select(i => new CounterCell(i, i == 2 ? 3 : 0, i == 2 ? 180 : 0))]
            : throw Failure);

    public List<RowCounter> RowCounters { get; } = [];

    public Task<IReadOnlyList<RowCounter>> ReadRowCountersAsync(TableSchema table, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<RowCounter>>(Failure is null
            ? [.. RowCounters.Where(c => c.Key.Table.Id == table.Id)]
            : throw Failure);

    /// <summary>Why the counters of rows cannot be read with them; null if they can.</summary>
    public P4RuntimeException? NoRowCounters { get; set; }

    public long PipelineLoads { get; set; } = 1;

    public Task<IReadOnlyList<CountedEntry>> ReadCountedRowsAsync(TableSchema table, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CountedEntry>>((Failure ?? NoRowCounters) is { } failure
            ? throw failure
            : [.. Entries.Where(e => e.Table.Id == table.Id).Select(
                e => new CountedEntry(e, RowCounters.FirstOrDefault(c => c.Key.Equals(e.Key)).Packets))]);

    /// <summary>Cells that are not 0, by register and index.</summary>
    public Dictionary<(string Register, long Index), byte[]> Cells { get; } = [];

    /// <summary>The maximum number of cells of a register that the target reports.</summary>
    public int MaxReportedCells { get; set; } = int.MaxValue;

    public Task<IReadOnlyList<RegisterCell>> ReadRegistersAsync(RegisterSchema register, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<RegisterCell>>(
            Failure is null
                ? [.. Enumerable.Range(0, Math.Min(register.Size, MaxReportedCells))
                    .Select(i => new RegisterCell(i, Cells.GetValueOrDefault((register.Alias, i)) ?? [0]))]
                : throw Failure);

    public TargetLosses? Losses { get; set; }

    public Dictionary<string, PortStatus> States { get; } = [];

    public PortReport Ports { get; set; } = PortReport.Fine;

    public Task<TargetLosses?> ReadLossesAsync(CancellationToken cancellationToken) => Task.FromResult(Losses);

    public Task<IReadOnlyDictionary<string, PortStatus>?> ReadPortsAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<string, PortStatus>?>(States);

    public Task<uint?> FindPortAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<uint?>(name == "uplink0" ? 9u : null);
}
