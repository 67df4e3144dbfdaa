using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace ACCOffload.P4Runtime;

/// <summary>
/// One table entry, immutable and packed: 64 bytes for up to 32 bytes of key and action data, 88 bytes plus the data (rounded up to 8) above that.
/// Made by <see cref="TableSchema.NewEntry"/> or by reading the target.
/// </summary>
public sealed class Entry
{
    private readonly ActionSchema _action;
    private readonly byte[]? _large;
    private readonly Inline _small;

    internal Entry(ActionSchema action, ReadOnlySpan<byte> packed)
    {
        _action = action;
        if (packed.Length <= Inline.Size)
        {
            packed.CopyTo(_small);
        }
        else
        {
            _large = packed.ToArray();
        }
    }

    /// <summary>The table.</summary>
    public TableSchema Table => _action.Table;

    /// <summary>What identifies the entry in its table.</summary>
    public EntryKey Key => new(this);

    /// <summary>The action. Its kind is <see cref="ActionKind.None"/> where the entry is a key alone.</summary>
    public ActionSchema Action => _action;

    /// <summary>The packed action parameters: each big-endian and full width, in the order of the schema.</summary>
    public ReadOnlySpan<byte> ActionData => Packed[Table.KeySize..];

    /// <summary>The priority, larger wins; 0 where the table has none.</summary>
    public int Priority => Table.NeedsPriority ? BinaryPrimitives.ReadInt32BigEndian(Packed[Table.PriorityOffset..]) : 0;

    /// <summary>The packed match fields and the priority.</summary>
    internal ReadOnlySpan<byte> KeyData => Packed[..Table.KeySize];

    internal ReadOnlySpan<byte> Packed => _large ?? ((ReadOnlySpan<byte>)_small)[..(Table.KeySize + _action.DataSize)];

    /// <summary>Whether key, action and parameters are all equal.</summary>
    public bool SameAs(Entry other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ReferenceEquals(_action, other._action) && Packed.SequenceEqual(other.Packed);
    }

    /// <summary>The match fields, for display.</summary>
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
                return new MatchValue(field, value, high, 0, BitString.IsZero(value.Span) && BitString.IsAllOnes(high.Span, field.BitWidth));
            case MatchKind.Optional:
                return new MatchValue(field, value, default, 0, key[field.Offset] == 0);
            default:
                return new MatchValue(field, value, default, 0, false);
        }
    }

    [InlineArray(Size)]
    private struct Inline
    {
        public const int Size = 32;
        private byte _first;
    }
}
