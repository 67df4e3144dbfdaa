using System.Buffers.Binary;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>
/// Builds entries of one table. Values are big-endian, of any length that fits the field; masks, prefixes and ranges are made canonical.
/// <see cref="Build"/> clears the builder for the next entry. Errors are <see cref="EntryException"/>s that name the field, if there is
/// one; a name that the schema does not have is a <see cref="P4InfoException"/>.
/// </summary>
public sealed partial class EntryBuilder
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

    /// <summary>Sets a longest-prefix field; bits beyond the prefix are cleared.</summary>
    public EntryBuilder Lpm(string field, ReadOnlySpan<byte> value, int prefixLength)
    {
        var f = Take(field, MatchKind.Lpm);
        Pack(f.Name, value, f.BitWidth, At(f.Offset, f.ByteWidth));
        return Prefix(f, prefixLength);
    }

    /// <summary>Sets a longest-prefix field; bits beyond the prefix are cleared.</summary>
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

    /// <summary>Sets an optional field to a value; leave it unset to match any value.</summary>
    public EntryBuilder Optional(string field, ReadOnlySpan<byte> value)
    {
        var f = Take(field, MatchKind.Optional);
        _packed[f.Offset] = 1;
        Pack(f.Name, value, f.BitWidth, At(f.Offset + 1, f.ByteWidth));
        return this;
    }

    /// <summary>Sets an optional field to a value; leave it unset to match any value.</summary>
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
        var from = At(f.Offset, f.ByteWidth);
        var to = At(f.Offset + f.ByteWidth, f.ByteWidth);
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

    /// <summary>
    /// Sets the priority, 1 or more; the larger one wins. Required for tables with a ternary, range or optional field; not allowed for
    /// others.
    /// </summary>
    public EntryBuilder Priority(int priority)
    {
        if (!_table.NeedsPriority)
        {
            throw Fault("priority", "the table has no ternary, range or optional field, so its entries have no priority");
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
        return ReferenceEquals(action.Table, _table) ? Use(action)
            : throw Fault(null, $"action {action.Alias} belongs to table {action.Table.Alias}");
    }

    /// <summary>Refers to a member of the table's action profile instead of an action.</summary>
    public EntryBuilder ProfileMember(uint memberId) => UseReference(_table.Member, memberId);

    /// <summary>Refers to a group of the table's action profile instead of an action.</summary>
    public EntryBuilder ProfileGroup(uint groupId) => UseReference(_table.Group, groupId);

    /// <summary>Sets a parameter of the action; set the action first.</summary>
    public EntryBuilder Param(string name, ReadOnlySpan<byte> value)
    {
        var p = TakeParam(name);
        Pack(p.Name, value, p.BitWidth, At(_table.KeySize + p.Offset, p.ByteWidth));
        return this;
    }

    /// <summary>Sets a parameter of the action; set the action first.</summary>
    public EntryBuilder Param(string name, ulong value)
    {
        var p = TakeParam(name);
        Pack(p.Name, value, p.BitWidth, At(_table.KeySize + p.Offset, p.ByteWidth));
        return this;
    }

    /// <summary>Builds the entry and clears the builder.</summary>
    /// <exception cref="EntryException">An exact field, the priority, the action or a parameter is missing.</exception>
    public Entry Build()
    {
        var action = _action ?? throw Fault(null, "the entry has no action");
        for (var i = 0; i < action.ParamArray.Length; i++)
        {
            if ((_paramsSet & (1ul << i)) == 0)
            {
                throw Fault(action.ParamArray[i].Name, $"action {action.Alias} requires this parameter");
            }
        }

        return Finish(action);
    }

    /// <summary>Builds an entry from the match fields alone, for a delete or a lookup, and clears the builder.</summary>
    public Entry BuildKey() => Finish(_table.KeyOnly);

    /// <summary>Clears the builder.</summary>
    public void Reset()
    {
        _fieldsSet = 0;
        _paramsSet = 0;
        _priority = 0;
        _action = null;
    }
}
