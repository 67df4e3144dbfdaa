using System.Buffers.Binary;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Wire;

internal sealed partial class EntryDecoder
{
    /// <summary>
    /// <c>ActionProfileMember</c> or <c>ActionProfileGroup</c>. Weights, which are 1 in our own writes, and the maximum group size are
    /// ignored.
    /// </summary>
    private Entry ProfileEntry(ReadOnlySpan<byte> message, TableKind kind)
    {
        uint profileId = 0, id = 0;
        ReadOnlySpan<byte> action = default;
        var members = new List<uint>();
        var reader = new WireReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    profileId = reader.Id();
                    break;
                case 2:
                    id = reader.Id();
                    break;
                case 3 when kind == TableKind.ProfileMembers:
                    action = reader.Bytes();
                    break;
                case 3:
                    members.Add(IdOf(reader.Bytes()));
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        var table = pipeline.TryProfile(profileId, kind)
            ?? throw new WireException($"pipeline {pipeline.Name} has no action profile id 0x{profileId:x8}");
        EnsureScratch(table.KeySize);
        BinaryPrimitives.WriteUInt32BigEndian(_scratch, id);
        if (kind == TableKind.ProfileMembers)
        {
            var found = Direct(table, action);
            return Entry.Of(found, _scratch.AsSpan(0, table.KeySize + found.DataSize));
        }

        var list = table.ActionArray[0];
        EnsureScratch(table.KeySize + list.DataSize);
        members.Sort();
        if (!BitString.TryPack(GroupMembers.Pack([.. members]), 8 * list.DataSize, _scratch.AsSpan(table.KeySize, list.DataSize)))
        {
            throw new WireException($"group {id} of {table.Alias} has {members.Count} members, more than the profile allows");
        }

        return Entry.Of(list, _scratch.AsSpan(0, table.KeySize + list.DataSize));
    }
}
