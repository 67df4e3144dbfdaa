namespace ACCOffload.P4Runtime.Schema;

/// <summary>The kind of P4Runtime entity that a <see cref="TableSchema"/> holds.</summary>
public enum TableKind
{
    /// <summary>Entries of a match-action table.</summary>
    Table,

    /// <summary>Members of an action profile: each is an action with an id.</summary>
    ProfileMembers,

    /// <summary>Groups of an action profile: each is a set of members with an id.</summary>
    ProfileGroups,
}

/// <summary>One table of a pipeline: its key, its actions, and how its entries are packed.</summary>
public sealed class TableSchema
{
    internal TableSchema(Pipeline pipeline, TableDescription description, TableKind kind = TableKind.Table)
    {
        Pipeline = pipeline;
        Kind = kind;
        Id = description.Id;
        Name = description.Name;
        Alias = description.Alias;
        Size = description.Size;
        HasActionProfile = description.HasActionProfile;
        IsConst = description.IsConst;
        FieldArray = description.Fields;
        foreach (var field in FieldArray)
        {
            NeedsPriority |= field.Kind is MatchKind.Ternary or MatchKind.Range or MatchKind.Optional;
            PriorityOffset = field.Offset + field.PackedSize;
        }

        KeySize = PriorityOffset + (NeedsPriority ? sizeof(int) : 0);
        KeyOnly = new ActionSchema(this, ActionKind.None, 0, "", "", false, [], 0);
        ActionArray = description.BindActions(this);
        if (HasActionProfile)
        {
            Member = Reference(ActionKind.ProfileMember, "action_profile_member");
            Group = Reference(ActionKind.ProfileGroup, "action_profile_group");
        }
    }

    /// <summary>The pipeline that the table is part of.</summary>
    public Pipeline Pipeline { get; }

    /// <summary>Kind of the rows.</summary>
    public TableKind Kind { get; }

    /// <summary>The P4Info id.</summary>
    public uint Id { get; }

    /// <summary>The full P4 name.</summary>
    public string Name { get; }

    /// <summary>The shortest unambiguous name, the one to use.</summary>
    public string Alias { get; }

    /// <summary>Number of entries the table is sized for.</summary>
    public long Size { get; }

    /// <summary>Whether entries have a priority of 1 or more (larger wins), as ternary, range and optional fields require.</summary>
    public bool NeedsPriority { get; }

    /// <summary>Whether entries refer to an action profile's members or groups.</summary>
    public bool HasActionProfile { get; }

    /// <summary>Whether the entries are constant, so that none can be written.</summary>
    public bool IsConst { get; }

    /// <summary>The match fields in P4Info order.</summary>
    public IReadOnlyList<MatchFieldSchema> Fields => FieldArray;

    /// <summary>The actions that the table offers.</summary>
    public IReadOnlyList<ActionSchema> Actions => ActionArray;

    /// <summary>Bytes of a packed key.</summary>
    public int KeySize { get; }

    internal int PriorityOffset { get; }

    internal MatchFieldSchema[] FieldArray { get; }

    internal ActionSchema[] ActionArray { get; }

    internal ActionSchema KeyOnly { get; }

    internal ActionSchema? Member { get; }

    internal ActionSchema? Group { get; }

    /// <summary>The action with that alias or full name.</summary>
    /// <exception cref="P4InfoException">The table does not offer it; the message lists the actions that exist.</exception>
    public ActionSchema Action(string name)
    {
        foreach (var action in ActionArray)
        {
            if (action.Alias == name || action.Name == name)
            {
                return action;
            }
        }

        throw P4InfoException.Missing($"table {Alias}", "action", name, ActionArray.Select(a => a.Alias));
    }

    /// <summary>The match field with that name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public MatchFieldSchema Field(string name)
    {
        foreach (var field in FieldArray)
        {
            if (field.Name == name)
            {
                return field;
            }
        }

        throw P4InfoException.Missing($"table {Alias}", "match field", name, FieldArray.Select(f => f.Name));
    }

    /// <inheritdoc/>
    public override string ToString() => Alias;

    internal ActionSchema? FindAction(uint id)
    {
        foreach (var action in ActionArray)
        {
            if (action.Id == id)
            {
                return action;
            }
        }

        return null;
    }

    internal int FindField(uint id)
    {
        var fields = FieldArray;
        for (var i = 0; i < fields.Length; i++)
        {
            if (fields[i].Id == id)
            {
                return i;
            }
        }

        return -1;
    }

    private ActionSchema Reference(ActionKind kind, string name) =>
        new(this, kind, 0, name, name, false, [new ParamSchema(0, "id", 32, 0, ValueFormat.Number)], sizeof(uint));
}
