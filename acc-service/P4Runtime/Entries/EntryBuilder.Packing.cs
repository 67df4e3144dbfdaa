using System.Buffers.Binary;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

public sealed partial class EntryBuilder
{
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
                throw Fault("priority", "entries of this table require a priority");
            }

            BinaryPrimitives.WriteInt32BigEndian(At(_table.PriorityOffset, sizeof(int)), _priority);
        }

        var entry = Entry.Of(action, At(0, _table.KeySize + action.DataSize));
        Reset();
        return entry;
    }

    private void SetAny(MatchFieldSchema field)
    {
        if (field.Kind == MatchKind.Exact)
        {
            throw Fault(field.Name, "an exact field is required");
        }

        EntryLayout.SetAny(_packed, field);
    }

    private EntryBuilder Use(ActionSchema action)
    {
        if (action.IsDefaultOnly)
        {
            throw Fault(null, $"action {action.Alias} can only be the table's default");
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
        BinaryPrimitives.WriteUInt32BigEndian(
            At(_table.KeySize, sizeof(uint)), id != 0 ? id : throw Fault(null, $"0 is not a valid {reference.Alias}"));
        _paramsSet = 1;
        return this;
    }

    private EntryBuilder Prefix(MatchFieldSchema field, int prefixLength)
    {
        if ((uint)prefixLength > (uint)field.BitWidth)
        {
            throw Fault(field.Name, $"invalid prefix length {prefixLength} (0 to {field.BitWidth})");
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

        // Throws and lists the existing names.
        return _table.Field(name);
    }

    private ParamSchema TakeParam(string name)
    {
        var action = _action ?? throw Fault(name, "set the action before its parameters");
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
