using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// Rows of `held` that drop packets while a row that they need is replaced, on a target that can't modify one. Only rows whose absence
/// would let packets through have one: without a bucket or a class of port the pipeline drops by itself, and without an endpoint nothing
/// new is led there. Routes of less than a whole address change only with the configuration, and a shorter one serves meanwhile.
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

    /// <summary>The row that holds what would meet this one; null where none is needed. Not thread-safe.</summary>
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
