using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// Rows of <c>held</c>, which drop packets while the row that they need is replaced, on a target that cannot modify rows. Only rows whose
/// absence would let packets through need one: without a bucket or a port class the pipeline drops packets anyway, and without an endpoint
/// it sends nothing new there. Routes shorter than a full address change only with the configuration, and a shorter route applies
/// meanwhile.
/// </summary>
internal sealed class RowHolds
{
    private const ulong Address = 1;
    private const ulong Backend = 2;

    private readonly EntryBuilder _held;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public RowHolds(Pipeline pipeline)
    {
        _held = pipeline.Table("held").NewEntry();
        Of(Address, [192, 0, 2, 1]);
    }

    /// <summary>The hold for packets that would match this row; null when none is needed. Not thread-safe.</summary>
    public Entry? For(Entry row) => row.Table.Alias switch
    {
        "pods" => Of(Address, Value(row, "dst_ip").Span),
        "services" => Of(Address, Value(row, "ip").Span),
        "routes" when row.EnumerateMatch().Single() is var match && match.PrefixLength == match.Field.BitWidth =>
            Of(Address, match.Value.Span),
        "backends" => Of(Backend, Value(row, "backend_id").Span),
        _ => null,
    };

    private static ReadOnlyMemory<byte> Value(Entry row, string field) => row.EnumerateMatch().Single(m => m.Field.Name == field).Value;

    private Entry Of(ulong kind, ReadOnlySpan<byte> value) => _held.Exact("kind", kind).Exact("value", value).Action("hold").Build();
}
