namespace ACCOffload.P4Runtime.Schema;

/// <summary>What the rows that a <see cref="TableSchema"/> describes are to P4Runtime.</summary>
public enum TableKind
{
    /// <summary>Entries of a match-action table.</summary>
    Table,

    /// <summary>Members of an action profile: an action under a number.</summary>
    ProfileMembers,

    /// <summary>Groups of an action profile: members under a number.</summary>
    ProfileGroups,
}
