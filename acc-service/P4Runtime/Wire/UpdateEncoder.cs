using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using P4.V1;

namespace ACCOffload.P4Runtime.Wire;

/// <summary>Encodes packed entries as <c>p4.v1.Update</c>. Field numbers are those of p4runtime.proto.</summary>
internal static class UpdateEncoder
{
    // Generous bounds for tags, lengths and ids around the values of one update.
    private const int Overhead = 96;
    private const int OverheadPerValue = 40;
    private const int OverheadPerMember = 16;

    /// <summary>Maximum size of one encoded update in bytes.</summary>
    public static int MaxSize(Entry entry) =>
        Overhead + entry.Packed.Length + (OverheadPerValue * (entry.Table.FieldArray.Length + entry.Action.ParamArray.Length))
        + (entry.Table.Kind == TableKind.ProfileGroups ? OverheadPerMember * entry.Packed.Length / sizeof(uint) : 0);

    /// <summary>Writes <c>WriteRequest.updates</c>, tag and length included.</summary>
    public static void Write(ref BackwardWriter writer, UpdateKind kind, Entry entry)
    {
        var start = writer.Length;
        WriteEntity(ref writer, kind, entry);
        writer.Message(2, start); // Update.entity
        writer.Number(1, (uint)kind);
        writer.Message(4, start); // WriteRequest.updates
    }

    /// <summary>The entity that requests only this entry in a Read.</summary>
    public static Entity KeyOf(EntryKey key)
    {
        var entry = key.ToEntry();
        var buffer = new byte[MaxSize(entry)];
        var writer = new BackwardWriter(buffer);
        WriteEntity(ref writer, UpdateKind.Delete, entry);
        return Entity.Parser.ParseFrom(writer.Written);
    }

    /// <summary>Writes the content of an <c>Entity</c>; only the key for a delete.</summary>
    private static void WriteEntity(ref BackwardWriter writer, UpdateKind kind, Entry entry)
    {
        var start = writer.Length;
        var table = entry.Table;
        var packed = entry.Packed;
        if (table.Kind != TableKind.Table)
        {
            WriteProfile(ref writer, kind, entry, packed);
            writer.Message(table.Kind == TableKind.ProfileMembers ? 3u : 4u, start); // Entity.action_profile_member, _group
            return;
        }

        if (table.NeedsPriority)
        {
            writer.Number(4, (uint)BinaryPrimitives.ReadInt32BigEndian(packed[table.PriorityOffset..]));
        }

        if (kind != UpdateKind.Delete)
        {
            WriteAction(ref writer, entry.Action, packed[table.KeySize..]);
        }

        for (var i = table.FieldArray.Length - 1; i >= 0; i--)
        {
            WriteMatch(ref writer, table.FieldArray[i], packed);
        }

        writer.Number(1, table.Id);
        writer.Message(2, start); // Entity.table_entry
    }

    /// <summary><c>ActionProfileMember</c> or <c>ActionProfileGroup</c>: the profile, the id, then the action or the members.</summary>
    private static void WriteProfile(ref BackwardWriter writer, UpdateKind kind, Entry entry, ReadOnlySpan<byte> packed)
    {
        var table = entry.Table;
        if (kind != UpdateKind.Delete && table.Kind == TableKind.ProfileMembers)
        {
            var start = writer.Length;
            WriteDirect(ref writer, entry.Action, packed[table.KeySize..]);
            writer.Message(3, start);
        }
        else if (kind != UpdateKind.Delete)
        {
            var members = packed[table.KeySize..];
            var most = members.Length / sizeof(uint);
            writer.Number(4, (uint)most); // max_size
            for (var i = most - 1; i >= 0 && GroupMembers.At(members, i) is var member and not 0; i--)
            {
                var start = writer.Length;
                writer.Number(2, 1); // weight
                writer.Number(1, member);
                writer.Message(3, start);
            }
        }

        writer.Number(2, BinaryPrimitives.ReadUInt32BigEndian(packed));
        writer.Number(1, table.Id);
    }

    private static void WriteAction(ref BackwardWriter writer, ActionSchema action, ReadOnlySpan<byte> data)
    {
        var start = writer.Length;
        switch (action.Kind)
        {
            case ActionKind.ProfileMember:
                writer.Number(2, BinaryPrimitives.ReadUInt32BigEndian(data));
                break;
            case ActionKind.ProfileGroup:
                writer.Number(3, BinaryPrimitives.ReadUInt32BigEndian(data));
                break;
            default:
                WriteDirect(ref writer, action, data);
                writer.Message(1, start); // TableAction.action
                break;
        }

        writer.Message(3, start); // TableEntry.action
    }

    private static void WriteDirect(ref BackwardWriter writer, ActionSchema action, ReadOnlySpan<byte> data)
    {
        for (var i = action.ParamArray.Length - 1; i >= 0; i--)
        {
            var param = action.ParamArray[i];
            var parameter = writer.Length;
            writer.BitString(3, data.Slice(param.Offset, param.ByteWidth));
            writer.Number(2, param.Id);
            writer.Message(4, parameter);
        }

        writer.Number(1, action.Id);
    }

    private static void WriteMatch(ref BackwardWriter writer, MatchFieldSchema field, ReadOnlySpan<byte> packed)
    {
        var start = writer.Length;
        var width = field.ByteWidth;
        var value = packed.Slice(field.Offset, width);
        uint oneof; // FieldMatch.field_match_type
        switch (field.Kind)
        {
            case MatchKind.Exact:
                writer.BitString(1, value);
                oneof = 2;
                break;
            case MatchKind.Lpm:
                var prefix = BinaryPrimitives.ReadUInt16BigEndian(packed[(field.Offset + width)..]);
                if (prefix == 0)
                {
                    return;
                }

                writer.Number(2, prefix);
                writer.BitString(1, value);
                oneof = 4;
                break;
            case MatchKind.Ternary:
                var mask = packed.Slice(field.Offset + width, width);
                if (BitString.IsZero(mask))
                {
                    return;
                }

                writer.BitString(2, mask);
                writer.BitString(1, value);
                oneof = 3;
                break;
            case MatchKind.Range:
                var high = packed.Slice(field.Offset + width, width);
                if (BitString.IsZero(value) && BitString.IsAllOnes(high, field.BitWidth))
                {
                    return;
                }

                writer.BitString(2, high);
                writer.BitString(1, value);
                oneof = 6;
                break;
            default:
                if (packed[field.Offset] == 0)
                {
                    return;
                }

                writer.BitString(1, packed.Slice(field.Offset + 1, width));
                oneof = 7;
                break;
        }

        writer.Message(oneof, start);
        writer.Number(1, field.Id);
        writer.Message(2, start); // TableEntry.match
    }
}
