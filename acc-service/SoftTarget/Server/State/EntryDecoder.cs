using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.Wire;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.State;

/// <summary>Purpose of decoding an entry; a delete uses only the key.</summary>
internal enum EntryUse
{
    Insert,
    Modify,
    Delete,

    /// <summary>A direct counter's entry, or a read of one entry.</summary>
    Find,
}

/// <summary>Kind of an entry's action.</summary>
internal enum EntryActionKind
{
    None,
    Action,
    Member,
    Group,
    OneShot,
}

/// <summary>
/// Decodes a TableEntry from its wire form into the engine's packed form and checks all rules of the specification. Reused for all entries
/// of a batch, so that an entry allocates nothing.
/// </summary>
internal sealed partial class EntryDecoder
{
    private readonly BoundPipeline _pipeline;
    private readonly byte[] _key;
    private readonly byte[] _mask;
    private readonly byte[] _high;
    private readonly byte[] _data;
    private readonly bool[] _seen;
    private int _dataBytes;

    public EntryDecoder(BoundPipeline pipeline)
    {
        _pipeline = pipeline;
        var tables = pipeline.Tables.Values;
        var keyBytes = tables.Select(t => t.KeyBytes).DefaultIfEmpty().Max();
        _key = new byte[keyBytes];
        _mask = new byte[keyBytes];
        _high = new byte[keyBytes];
        _data = new byte[pipeline.Program.Actions.Select(a => a.DataBytes).DefaultIfEmpty().Max()];
        _seen = new bool[tables.Select(t => t.Fields.Length).DefaultIfEmpty().Max()];
    }

    public BoundTable Table { get; private set; } = null!;

    /// <summary>The engine's packed key. For a range field: its lower bound.</summary>
    public ReadOnlySpan<byte> Key => _key.AsSpan(0, Table.KeyBytes);

    /// <summary>The engine's packed mask; empty if the table has none. Not meaningful in range fields.</summary>
    public ReadOnlySpan<byte> Mask => Table.HasMask ? _mask.AsSpan(0, Table.KeyBytes) : default;

    /// <summary>Upper bounds of range fields, packed like the key.</summary>
    public ReadOnlySpan<byte> High => _high.AsSpan(0, Table.KeyBytes);

    public uint Priority { get; private set; }

    public bool IsDefault { get; private set; }

    public EntryActionKind ActionKind { get; private set; }

    /// <summary>The action, for <see cref="EntryActionKind.Action"/>.</summary>
    public BoundTableAction Action { get; private set; } = null!;

    /// <summary>The engine's action data, for <see cref="EntryActionKind.Action"/>.</summary>
    public ReadOnlySpan<byte> Data => _data.AsSpan(0, _dataBytes);

    /// <summary>Member or group id.</summary>
    public uint Reference { get; private set; }

    public ActionProfileActionSet? OneShot { get; private set; }

    public CounterData? Counter { get; private set; }

    /// <summary>Metadata that the controller stores with the entry; null if none.</summary>
    public EntryExtras? Extras { get; private set; }

    /// <summary>Whether any match field was given.</summary>
    public bool HasMatch { get; private set; }

    /// <exception cref="WireException">The bytes are not a TableEntry.</exception>
    public Outcome Decode(ReadOnlySpan<byte> entry, EntryUse use)
    {
        if (TryDecode(entry, use, normalized: false, out var outcome))
        {
            return outcome;
        }

        // Valid, but not what serializers write (split messages, unusual order): let protobuf's own parser normalize it.
        var plain = Normalize(entry);
        return TryDecode(plain, use, normalized: true, out outcome) ? outcome
            : throw new WireException("a table entry can't be normalized");
    }

    private static byte[] Normalize(ReadOnlySpan<byte> entry)
    {
        try
        {
            return Google.Protobuf.MessageExtensions.ToByteArray(TableEntry.Parser.ParseFrom(entry));
        }
        catch (Google.Protobuf.InvalidProtocolBufferException e)
        {
            throw new WireException(e.Message);
        }
    }
}

/// <summary>Data that is stored with an entry only for the controller.</summary>
internal sealed record EntryExtras(byte[] Metadata, ulong ControllerMetadata);
