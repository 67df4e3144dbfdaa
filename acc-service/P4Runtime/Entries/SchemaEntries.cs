using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Entries;

/// <summary>Starts entries from the schema of a table or an action profile.</summary>
public static class SchemaEntries
{
    /// <summary>Starts an entry. A builder can be reused for any number of entries, by one thread.</summary>
    public static EntryBuilder NewEntry(this TableSchema table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return new EntryBuilder(table);
    }

    /// <summary>Builds a group of an action profile. The order of the members does not matter; duplicates count once.</summary>
    /// <exception cref="EntryException">More members than <see cref="ActionProfileSchema.MaxGroupSize"/>, or an id is 0.</exception>
    public static Entry NewGroup(this ActionProfileSchema profile, uint id, IEnumerable<uint> members)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(members);
        var groups = profile.Groups;
        var builder = groups.NewEntry().Exact("group_id", id);
        uint[] sorted = [.. members.Distinct().Order()];
        if (id == 0 || sorted.Contains(0u))
        {
            throw new EntryException(groups.Alias, "members", "0 is not a valid group or member id");
        }

        if (sorted.Length > profile.MaxGroupSize)
        {
            throw new EntryException(groups.Alias, "members", $"{sorted.Length} members; the limit is {profile.MaxGroupSize}");
        }

        return builder.Action("members").Param("members", GroupMembers.Pack(sorted)).Build();
    }
}
