using System.Buffers.Binary;
using System.Numerics;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Wire;

internal sealed partial class EntryDecoder
{
    private ActionSchema Action(TableSchema table, ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    return Direct(table, reader.Bytes());
                case 2 when table.Member is not null:
                    return Reference(table, table.Member, reader.Id());
                case 3 when table.Group is not null:
                    return Reference(table, table.Group, reader.Id());
                default:
                    throw new WireException(
                        $"table {table.Alias} has an entry with an action of kind {reader.Field}, which is not supported");
            }
        }

        return table.KeyOnly;
    }

    private ActionSchema Direct(TableSchema table, ReadOnlySpan<byte> message)
    {
        var id = IdOf(message);
        var action = table.FindAction(id)
            ?? throw new WireException($"table {table.Alias} has an entry with action id 0x{id:x8}, which it does not offer");
        EnsureScratch(table.KeySize + action.DataSize);
        ulong seen = 0;
        var reader = new WireReader(message);
        while (reader.Next())
        {
            if (reader.Field != 4)
            {
                reader.Skip();
                continue;
            }

            uint paramId = 0;
            ReadOnlySpan<byte> value = default;
            var param = new WireReader(reader.Bytes());
            while (param.Next())
            {
                switch (param.Field)
                {
                    case 2:
                        paramId = param.Id();
                        break;
                    case 3:
                        value = param.Bytes();
                        break;
                    default:
                        param.Skip();
                        break;
                }
            }

            seen |= Param(table, action, paramId, value, seen);
        }

        return BitOperations.PopCount(seen) == action.ParamArray.Length
            ? action
            : throw new WireException($"table {table.Alias} has an entry whose action {action.Alias} lacks parameters");
    }

    private ulong Param(TableSchema table, ActionSchema action, uint id, ReadOnlySpan<byte> value, ulong seen)
    {
        for (var i = 0; i < action.ParamArray.Length; i++)
        {
            var param = action.ParamArray[i];
            if (param.Id == id && (seen & (1ul << i)) == 0)
            {
                Pack(table, param.Name, value, param.BitWidth, _scratch.AsSpan(table.KeySize + param.Offset, param.ByteWidth));
                return 1ul << i;
            }
        }

        throw new WireException(
            $"table {table.Alias} has an entry whose action {action.Alias} has parameter id {id} twice, or does not define it");
    }

    private ActionSchema Reference(TableSchema table, ActionSchema reference, uint id)
    {
        EnsureScratch(table.KeySize + sizeof(uint));
        BinaryPrimitives.WriteUInt32BigEndian(_scratch.AsSpan(table.KeySize), id);
        return reference;
    }
}
