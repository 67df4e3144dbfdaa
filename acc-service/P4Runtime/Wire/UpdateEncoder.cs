using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using P4.V1;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>Packed entries to <c>p4.v1.Update</c>. Tags are (field number &lt;&lt; 3 | wire type) of p4runtime.proto.</summary>
internal static class UpdateEncoder
{
    // Tags, lengths and ids around the values of one update, generously.
    private const int Overhead = 96;
    private const int OverheadPerValue = 40;
    private const int OverheadPerMember = 16;

    /// <summary>Bytes that one update can take at most.</summary>
    public static int MaxSize(Entry entry) =>
        Overhead + entry.Packed.Length + (OverheadPerValue * (entry.Table.FieldArray.Length + entry.Action.ParamArray.Length))
        + (entry.Table.Kind == TableKind.ProfileGroups ? OverheadPerMember * entry.Packed.Length / sizeof(uint) : 0);

    /// <summary>Writes <c>WriteRequest.updates</c>, tag and length included.</summary>
    public static void Write(ref BackwardWriter writer, UpdateKind kind, Entry entry)
    {
        var end = writer.Position;
        WriteEntity(ref writer, kind, entry);
        writer.Prefix(end, 0x12); // Update.entity
        writer.Byte((byte)kind);
        writer.Byte(0x08);
        writer.Prefix(end, 0x22); // WriteRequest.updates
    }

    /// <summary>What a Read asks for to get this entry alone.</summary>
    public static Entity KeyOf(EntryKey key)
    {
        var entry = key.ToEntry();
        var buffer = new byte[MaxSize(entry)];
        var writer = new BackwardWriter(buffer, buffer.Length);
        WriteEntity(ref writer, UpdateKind.Delete, entry);
        return Entity.Parser.ParseFrom(buffer.AsSpan(writer.Position));
    }

    /// <summary>Writes the content of an <c>Entity</c>; of one to delete the key alone.</summary>
    private static void WriteEntity(ref BackwardWriter writer, UpdateKind kind, Entry entry)
    {
        var end = writer.Position;
        var table = entry.Table;
        var packed = entry.Packed;
        if (table.Kind != TableKind.Table)
        {
            WriteProfile(ref writer, kind, entry, packed);
            writer.Prefix(end, table.Kind == TableKind.ProfileMembers ? (byte)0x1A : (byte)0x22); // Entity.action_profile_member, _group
            return;
        }

        if (table.NeedsPriority)
        {
            writer.Varint((uint)BinaryPrimitives.ReadInt32BigEndian(packed[table.PriorityOffset..]));
            writer.Byte(0x20);
        }

        if (kind != UpdateKind.Delete)
        {
            WriteAction(ref writer, entry.Action, packed[table.KeySize..]);
        }

        for (var i = table.FieldArray.Length - 1; i >= 0; i--)
        {
            WriteMatch(ref writer, table.FieldArray[i], packed);
        }

        writer.Varint(table.Id);
        writer.Byte(0x08);
        writer.Prefix(end, 0x12); // Entity.table_entry
    }

    /// <summary><c>ActionProfileMember</c> or <c>ActionProfileGroup</c>: the profile, the number, then the action or the members.</summary>
    private static void WriteProfile(ref BackwardWriter writer, UpdateKind kind, Entry entry, ReadOnlySpan<byte> packed)
    {
        var table = entry.Table;
        if (kind != UpdateKind.Delete && table.Kind == TableKind.ProfileMembers)
        {
            var end = writer.Position;
            WriteDirect(ref writer, entry.Action, packed[table.KeySize..]);
            writer.Prefix(end, 0x1A);
        }
        else if (kind != UpdateKind.Delete)
        {
            var members = packed[table.KeySize..];
            var most = members.Length / sizeof(uint);
            writer.Varint((uint)most);
            writer.Byte(0x20); // max_size
            for (var i = most - 1; i >= 0 && GroupMembers.At(members, i) is var member and not 0; i--)
            {
                var end = writer.Position;
                writer.Byte(1);
                writer.Byte(0x10); // weight
                writer.Varint(member);
                writer.Byte(0x08);
                writer.Prefix(end, 0x1A);
            }
        }

        writer.Varint(BinaryPrimitives.ReadUInt32BigEndian(packed));
        writer.Byte(0x10);
        writer.Varint(table.Id);
        writer.Byte(0x08);
    }

    private static void WriteAction(ref BackwardWriter writer, ActionSchema action, ReadOnlySpan<byte> data)
    {
        var end = writer.Position;
        switch (action.Kind)
        {
            case ActionKind.ProfileMember:
                writer.Varint(BinaryPrimitives.ReadUInt32BigEndian(data));
                writer.Byte(0x10);
                break;
            case ActionKind.ProfileGroup:
                writer.Varint(BinaryPrimitives.ReadUInt32BigEndian(data));
                writer.Byte(0x18);
                break;
            default:
                WriteDirect(ref writer, action, data);
                writer.Prefix(end, 0x0A); // TableAction.action
                break;
        }

        writer.Prefix(end, 0x1A); // TableEntry.action
    }

    private static void WriteDirect(ref BackwardWriter writer, ActionSchema action, ReadOnlySpan<byte> data)
    {
        for (var i = action.ParamArray.Length - 1; i >= 0; i--)
        {
            var param = action.ParamArray[i];
            var paramEnd = writer.Position;
            writer.Value(data.Slice(param.Offset, param.ByteWidth), 0x1A);
            writer.Varint(param.Id);
            writer.Byte(0x10);
            writer.Prefix(paramEnd, 0x22);
        }

        writer.Varint(action.Id);
        writer.Byte(0x08);
    }

    private static void WriteMatch(ref BackwardWriter writer, MatchFieldSchema field, ReadOnlySpan<byte> packed)
    {
        var end = writer.Position;
        var width = field.ByteWidth;
        var value = packed.Slice(field.Offset, width);
        byte tag;
        switch (field.Kind)
        {
            case MatchKind.Exact:
                writer.Value(value, 0x0A);
                tag = 0x12;
                break;
            case MatchKind.Lpm:
                var prefix = BinaryPrimitives.ReadUInt16BigEndian(packed[(field.Offset + width)..]);
                if (prefix == 0)
                {
                    return;
                }

                writer.Varint(prefix);
                writer.Byte(0x10);
                writer.Value(value, 0x0A);
                tag = 0x22;
                break;
            case MatchKind.Ternary:
                var mask = packed.Slice(field.Offset + width, width);
                if (BitString.IsZero(mask))
                {
                    return;
                }

                writer.Value(mask, 0x12);
                writer.Value(value, 0x0A);
                tag = 0x1A;
                break;
            case MatchKind.Range:
                var high = packed.Slice(field.Offset + width, width);
                if (BitString.IsZero(value) && BitString.IsAllOnes(high, field.BitWidth))
                {
                    return;
                }

                writer.Value(high, 0x12);
                writer.Value(value, 0x0A);
                tag = 0x32;
                break;
            default:
                if (packed[field.Offset] == 0)
                {
                    return;
                }

                writer.Value(packed.Slice(field.Offset + 1, width), 0x0A);
                tag = 0x3A;
                break;
        }

        writer.Prefix(end, tag);
        writer.Varint(field.Id);
        writer.Byte(0x08);
        writer.Prefix(end, 0x12); // TableEntry.match
    }
}
