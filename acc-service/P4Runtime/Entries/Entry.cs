using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>
/// One table entry, immutable and packed: 40 bytes for up to 16 bytes of key and action data, 56 for up to 32, 56 plus the data (rounded up
/// to 8) above that. Built with <see cref="SchemaEntries.NewEntry"/> or read from the target.
/// </summary>
public abstract class Entry
{
    private readonly ActionSchema _action;

    private Entry(ActionSchema action) => _action = action;

    /// <summary>The table.</summary>
    public TableSchema Table => _action.Table;

    /// <summary>What identifies the entry in its table.</summary>
    public EntryKey Key => new(this);

    /// <summary>The action; its kind is <see cref="ActionKind.None"/> if the entry has only a key.</summary>
    public ActionSchema Action => _action;

    /// <summary>The packed action parameters: each big-endian and full width, in the order of the schema.</summary>
    public ReadOnlySpan<byte> ActionData => Packed[Table.KeySize..];

    /// <summary>The priority: the larger one wins; 0 if the table has no priorities.</summary>
    public int Priority => Table.NeedsPriority ? BinaryPrimitives.ReadInt32BigEndian(Packed[Table.PriorityOffset..]) : 0;

    /// <summary>The packed match fields and the priority.</summary>
    internal ReadOnlySpan<byte> KeyData => Packed[..Table.KeySize];

    internal abstract ReadOnlySpan<byte> Packed { get; }

    private int PackedSize => _action.Table.KeySize + _action.DataSize;

    internal static Entry Of(ActionSchema action, ReadOnlySpan<byte> packed) => packed.Length switch
    {
        <= Bytes16.Size => new Small(action, packed),
        <= Bytes32.Size => new Medium(action, packed),
        _ => new Large(action, packed),
    };

    /// <summary>Whether key, action and parameters are all equal.</summary>
    public bool SameAs(Entry other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ReferenceEquals(_action, other._action) && Packed.SequenceEqual(other.Packed);
    }

    /// <summary>The match fields, unpacked.</summary>
    public IEnumerable<MatchValue> EnumerateMatch()
    {
        var key = KeyData.ToArray();
        foreach (var field in Table.FieldArray)
        {
            yield return Unpack(field, key);
        }
    }

    /// <summary>The action parameters, for display.</summary>
    public IEnumerable<ParamValue> EnumerateParams()
    {
        var data = ActionData.ToArray();
        foreach (var param in _action.ParamArray)
        {
            yield return new ParamValue(param, data.AsMemory(param.Offset, param.ByteWidth));
        }
    }

    /// <summary>One line: table, key, action with parameters.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Key.ToString());
        if (_action.Kind != ActionKind.None)
        {
            text.Append(" -> ").Append(_action.Alias).Append('(').AppendJoin(", ", EnumerateParams()).Append(')');
        }

        return text.ToString();
    }

    private static MatchValue Unpack(MatchFieldSchema field, byte[] key)
    {
        var first = field.Kind == MatchKind.Optional ? field.Offset + 1 : field.Offset;
        var value = key.AsMemory(first, field.ByteWidth);
        var second = first + field.ByteWidth;
        switch (field.Kind)
        {
            case MatchKind.Lpm:
                var prefix = BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(second));
                return new MatchValue(field, value, default, prefix, prefix == 0);
            case MatchKind.Ternary:
                var mask = key.AsMemory(second, field.ByteWidth);
                return new MatchValue(field, value, mask, 0, BitString.IsZero(mask.Span));
            case MatchKind.Range:
                var high = key.AsMemory(second, field.ByteWidth);
                return new MatchValue(
                    field, value, high, 0, BitString.IsZero(value.Span) && BitString.IsAllOnes(high.Span, field.BitWidth));
            case MatchKind.Optional:
                return new MatchValue(field, value, default, 0, key[field.Offset] == 0);
            default:
                return new MatchValue(field, value, default, 0, false);
        }
    }

    private sealed class Small : Entry
    {
        private readonly Bytes16 _bytes;

        internal Small(ActionSchema action, ReadOnlySpan<byte> packed)
            : base(action) => packed.CopyTo(_bytes);

        internal override ReadOnlySpan<byte> Packed => ((ReadOnlySpan<byte>)_bytes)[..PackedSize];
    }

    private sealed class Medium : Entry
    {
        private readonly Bytes32 _bytes;

        internal Medium(ActionSchema action, ReadOnlySpan<byte> packed)
            : base(action) => packed.CopyTo(_bytes);

        internal override ReadOnlySpan<byte> Packed => ((ReadOnlySpan<byte>)_bytes)[..PackedSize];
    }

    private sealed class Large : Entry
    {
        private readonly byte[] _bytes;

        internal Large(ActionSchema action, ReadOnlySpan<byte> packed)
            : base(action) => _bytes = packed.ToArray();

        internal override ReadOnlySpan<byte> Packed => _bytes;
    }

    [InlineArray(Size)]
    private struct Bytes16
    {
        public const int Size = 16;
        private byte _first;
    }

    [InlineArray(Size)]
    private struct Bytes32
    {
        public const int Size = 32;
        private byte _first;
    }
}
