namespace ACCOffload.P4Runtime.Schema;

/// <summary>What the action of an entry is.</summary>
public enum ActionKind
{
    /// <summary>No action: the entry is a key alone, good for a delete.</summary>
    None,

    /// <summary>An action with its parameters.</summary>
    Direct,

    /// <summary>A reference to a member of the table's action profile.</summary>
    ProfileMember,

    /// <summary>A reference to a group of the table's action profile.</summary>
    ProfileGroup,
}
