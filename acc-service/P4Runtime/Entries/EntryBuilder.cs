using System.Buffers.Binary;

namespace ACCOffload.P4Runtime;

/// <summary>
/// Builds entries of one table. Values are big-endian, of any length that fits the field; masks, prefixes and ranges are made canonical.
/// <see cref="Build"/> empties the builder for the next entry. Every fault is an <see cref="EntryException"/> that names the field.
/// </summary>
public sealed class EntryBuilder
{
    private readonly TableSchema _table;
    private byte[] _packed;
    private ulong _fieldsSet;
    private ulong _paramsSet;
    private int _priority;
    private ActionSchema? _action;

    internal EntryBuilder(TableSchema table)
    {
        _table = table;
        _packed = new byte[Math.Max(table.KeySize, 16) + 48];
    }

    /// <summary>Sets an exact field.</summary>
    public EntryBuilder Exact(string field, ReadOnlySpan<byte> value)
    {
        var f = Take(field, MatchKind.Exact);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        return this;
    }

    /// <summary>Sets an exact field.</summary>
    public EntryBuilder Exact(string field, ulong value)
    {
        var f = Take(field, MatchKind.Exact);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        return this;
    }

    /// <summary>Sets a longest-prefix field; bits behind the prefix are cleared.</summary>
    public EntryBuilder Lpm(string field, ReadOnlySpan<byte> value, int prefixLength)
    {
        var f = Take(field, MatchKind.Lpm);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        return Prefix(f, prefixLength);
    }

    /// <summary>Sets a longest-prefix field; bits behind the prefix are cleared.</summary>
    public EntryBuilder Lpm(string field, ulong value, int prefixLength)
    {
        var f = Take(field, MatchKind.Lpm);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        return Prefix(f, prefixLength);
    }

    /// <summary>Sets a ternary field; bits outside the mask are cleared.</summary>
    public EntryBuilder Ternary(string field, ReadOnlySpan<byte> value, ReadOnlySpan<byte> mask)
    {
        var f = Take(field, MatchKind.Ternary);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        Pack(f.Name, mask, f.BitWidth, At(f.Offset + f.ByteWidth, f.ByteWidth));
        BitString.And(At(f.Offset, f.ByteWidth), At(f.Offset + f.ByteWidth, f.ByteWidth));
        return this;
    }

    /// <summary>Sets a ternary field; bits outside the mask are cleared.</summary>
    public EntryBuilder Ternary(string field, ulong value, ulong mask)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[sizeof(ulong)..], mask);
        return Ternary(field, bytes[..sizeof(ulong)], bytes[sizeof(ulong)..]);
    }

    /// <summary>Sets an optional field to a value; leave it unset for "any".</summary>
    public EntryBuilder Optional(string field, ReadOnlySpan<byte> value)
    {
        var f = Take(field, MatchKind.Optional);
        _packed[f.Offset] = 1;
        Pack(f.Name, value, f.BitWidth, At(f.Offset + 1, f.ByteWidth));
        return this;
    }

    /// <summary>Sets an optional field to a value; leave it unset for "any".</summary>
    public EntryBuilder Optional(string field, ulong value)
    {
        var f = Take(field, MatchKind.Optional);
        _packed[f.Offset] = 1;
        Pack(f.Name, value, f.BitWidth, At(f.Offset + 1, f.ByteWidth));
        return this;
    }

    /// <summary>Sets a range field, both ends inclusive.</summary>
    public EntryBuilder Range(string field, ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        var f = Take(field, MatchKind.Range);
        Span<byte> from = At(f.Offset, f.ByteWidth);
        Span<byte> to = At(f.Offset + f.ByteWidth, f.ByteWidth);
        Pack(f.Name, low, f.BitWidth, from);
        Pack(f.Name, high, f.BitWidth, to);
        return from.SequenceCompareTo(to) <= 0 ? this : throw Fault(f.Name, "the range's low end is above its high end");
    }

    /// <summary>Sets a range field, both ends inclusive.</summary>
    public EntryBuilder Range(string field, ulong low, ulong high)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, low);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[sizeof(ulong)..], high);
        return Range(field, bytes[..sizeof(ulong)], bytes[sizeof(ulong)..]);
    }

    /// <summary>Sets the priority, 1 or more, larger wins. Only for tables with a ternary, range or optional field, which need it.</summary>
    public EntryBuilder Priority(int priority)
    {
        if (!_table.NeedsPriority)
        {
            throw Fault("priority", "the table has no ternary, range or optional field, so its entries take no priority");
        }

        _priority = priority >= 1 ? priority : throw Fault("priority", $"{priority} is below 1");
        return this;
    }

    /// <summary>Sets the action by alias or full name.</summary>
    /// <exception cref="P4InfoException">The table does not offer it.</exception>
    public EntryBuilder Action(string name) => Use(_table.Action(name));

    /// <summary>Sets the action.</summary>
    public EntryBuilder Action(ActionSchema action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return ReferenceEquals(action.Table, _table) ? Use(action) : throw Fault(null, $"action {action.Alias} is table {action.Table.Alias}'s");
    }

    /// <summary>Refers to a member of the table's action profile instead of an action.</summary>
    public EntryBuilder ProfileMember(uint memberId) => UseReference(_table.Member, memberId);

    /// <summary>Refers to a group of the table's action profile instead of an action.</summary>
    public EntryBuilder ProfileGroup(uint groupId) => UseReference(_table.Group, groupId);

    /// <summary>Sets a parameter of the action, which must have been set before.</summary>
    public EntryBuilder Param(string name, ReadOnlySpan<byte> value)
    {
        var p = TakeParam(name);
        Pack(p.Name, value, p.BitWidth, At(_table.KeySize + p.Offset, p.ByteWidth));
        return this;
    }

    /// <summary>Sets a parameter of the action, which must have been set before.</summary>
    public EntryBuilder Param(string name, ulong value)
    {
        var p = TakeParam(name);
        Pack(p.Name, value, p.BitWidth, At(_table.KeySize + p.Offset, p.ByteWidth));
        return this;
    }

    /// <summary>Makes the entry and empties the builder.</summary>
    /// <exception cref="EntryException">An exact field, the priority, the action or a parameter is missing.</exception>
    public Entry Build()
    {
        var action = _action ?? throw Fault(null, "the entry has no action");
        for (var i = 0; i < action.ParamArray.Length; i++)
        {
            if ((_paramsSet & (1ul << i)) == 0)
            {
                throw Fault(action.ParamArray[i].Name, $"action {action.Alias} lacks this parameter");
            }
        }

        return Finish(action);
    }

    /// <summary>Makes an entry without action from the match fields alone, as a delete or a look-up needs it, and empties the builder.</summary>
    public Entry BuildKey() => Finish(_table.KeyOnly);

    /// <summary>Empties the builder.</summary>
    public void Reset()
    {
        _fieldsSet = 0;
        _paramsSet = 0;
        _priority = 0;
        _action = null;
    }

    private Entry Finish(ActionSchema action)
    {
        for (var i = 0; i < _table.FieldArray.Length; i++)
        {
            if ((_fieldsSet & (1ul << i)) == 0)
            {
                SetAny(_table.FieldArray[i]);
            }
        }

        if (_table.NeedsPriority)
        {
            if (_priority == 0)
            {
                throw Fault("priority", "entries of this table need one");
            }

            BinaryPrimitives.WriteInt32BigEndian(At(_table.PriorityOffset, sizeof(int)), _priority);
        }

        var entry = new Entry(action, At(0, _table.KeySize + action.DataSize));
        Reset();
        return entry;
    }

    private void SetAny(MatchFieldSchema field)
    {
        if (field.Kind == MatchKind.Exact)
        {
            throw Fault(field.Name, "an exact field must be given");
        }

        EntryLayout.SetAny(_packed, field);
    }

    private EntryBuilder Use(ActionSchema action)
    {
        if (action.IsDefaultOnly)
        {
            throw Fault(null, $"action {action.Alias} may only be the table's default");
        }

        if (_table.HasActionProfile && action.Kind == ActionKind.Direct)
        {
            throw Fault(null, "entries of this table refer to a member or group of its action profile, not to an action");
        }

        _action = action;
        _paramsSet = 0;
        if (_packed.Length < _table.KeySize + action.DataSize)
        {
            Array.Resize(ref _packed, _table.KeySize + action.DataSize);
        }

        return this;
    }

    private EntryBuilder UseReference(ActionSchema? reference, uint id)
    {
        Use(reference ?? throw Fault(null, "the table has no action profile"));
        BinaryPrimitives.WriteUInt32BigEndian(At(_table.KeySize, sizeof(uint)), id != 0 ? id : throw Fault(null, $"0 is no {reference.Alias}"));
        _paramsSet = 1;
        return this;
    }

    private EntryBuilder Prefix(MatchFieldSchema field, int prefixLength)
    {
        if ((uint)prefixLength > (uint)field.BitWidth)
        {
            throw Fault(field.Name, $"prefix length {prefixLength} is not within 0 and {field.BitWidth}");
        }

        BitString.MaskPrefix(At(field.Offset, field.ByteWidth), field.BitWidth, prefixLength);
        BinaryPrimitives.WriteUInt16BigEndian(At(field.Offset + field.ByteWidth, 2), (ushort)prefixLength);
        return this;
    }

    private MatchFieldSchema Take(string name, MatchKind kind)
    {
        var fields = _table.FieldArray;
        for (var i = 0; i < fields.Length; i++)
        {
            if (fields[i].Name != name)
            {
                continue;
            }

            if (fields[i].Kind != kind)
            {
                throw Fault(name, $"the field is {fields[i].Kind}, not {kind}");
            }

            _fieldsSet |= 1ul << i;
            return fields[i];
        }

        // Throws with the names that exist.
        return _table.Field(name);
    }

    private ParamSchema TakeParam(string name)
    {
        var action = _action ?? throw Fault(name, "a parameter was given before the action");
        var parameters = action.ParamArray;
        for (var i = 0; i < parameters.Length; i++)
        {
            if (parameters[i].Name == name)
            {
                _paramsSet |= 1ul << i;
                return parameters[i];
            }
        }

        return action.Param(name);
    }

    private Span<byte> At(int offset, int length) => _packed.AsSpan(offset, length);

    private void Pack(string field, ReadOnlySpan<byte> value, int bitWidth, Span<byte> destination)
    {
        if (value.IsEmpty)
        {
            throw Fault(field, "the value is empty");
        }

        if (!BitString.TryPack(value, bitWidth, destination))
        {
            throw Fault(field, $"0x{Convert.ToHexStringLower(value)} does not fit in {bitWidth} bits");
        }
    }

    private void Pack(string field, ulong value, int bitWidth, Span<byte> destination)
    {
        if (!BitString.TryPack(value, bitWidth, destination))
        {
            throw Fault(field, $"{value} does not fit in {bitWidth} bits");
        }
    }

    private EntryException Fault(string? field, string message)
    {
        // A half-built entry must not leak into the next one.
        Reset();
        return new EntryException(_table.Alias, field, message);
    }
}
