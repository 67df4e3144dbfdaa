using System.Diagnostics.Metrics;

namespace ACCOffload.Metrics;

/// <summary>Collects measurements and writes them for scrapers.</summary>
public sealed class MetricExporter : IDisposable
{
    private readonly Dictionary<string, SeriesTable> _tables;
    private readonly MeterListener _listener = new();
    private readonly SemaphoreSlim _turn = new(1);

    /// <param name="families">The exported metrics, in the order of the output.</param>
    /// <param name="meters">The meters to listen to. Instruments without a family are ignored.</param>
    public MetricExporter(IReadOnlyList<MetricFamily> families, params IReadOnlyList<Meter> meters)
    {
        _tables = families.ToDictionary(f => f.Name, f => new SeriesTable(f), StringComparer.Ordinal);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!meters.Contains(instrument.Meter) || !_tables.TryGetValue(instrument.Name, out var table))
            {
                return;
            }

            table.IsObserved = instrument.IsObservable;
            listener.EnableMeasurementEvents(instrument, table);
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, table) => ((SeriesTable)table!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, table) => ((SeriesTable)table!).Record(value, tags));
        _listener.Start();
    }

    /// <summary>Fetches values before each scrape. It is limited in time and does not throw if a value is unavailable.</summary>
    public Func<CancellationToken, Task> Prepare { get; init; } = static _ => Task.CompletedTask;

    /// <summary>The current values. Concurrent scrapes run one after the other.</summary>
    public async Task<ReadOnlyMemory<byte>> ScrapeAsync(ExpositionFormat format, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await Prepare(cancellationToken);
            foreach (var table in _tables.Values.Where(t => t.IsObserved))
            {
                table.Clear();
            }

            _listener.RecordObservableInstruments();
            var writer = new ExpositionWriter(format);
            foreach (var table in _tables.Values)
            {
                table.WriteTo(writer);
            }

            return writer.End();
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _turn.Dispose();
    }
}
