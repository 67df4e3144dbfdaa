namespace ACCOffload.P4Runtime.Schema;

/// <summary>Kind of an entry's action.</summary>
public enum ActionKind
{
    /// <summary>No action: the entry has only a key, for a delete.</summary>
    None,

    /// <summary>An action with its parameters.</summary>
    Direct,

    /// <summary>A reference to a member of the table's action profile.</summary>
    ProfileMember,

    /// <summary>A reference to a group of the table's action profile.</summary>
    ProfileGroup,
}

/// <summary>An action as one table offers it. Each table has its own instance.</summary>
public sealed class ActionSchema
{
    private readonly ParamSchema[] _params;

    internal ActionSchema(
        TableSchema table, ActionKind kind, uint id, string name, string alias, bool isDefaultOnly, ParamSchema[] parameters, int dataSize)
    {
        Table = table;
        Kind = kind;
        Id = id;
        Name = name;
        Alias = alias;
        IsDefaultOnly = isDefaultOnly;
        _params = parameters;
        DataSize = dataSize;
    }

    /// <summary>The table that offers the action.</summary>
    public TableSchema Table { get; }

    /// <summary>What kind of action this is.</summary>
    public ActionKind Kind { get; }

    /// <summary>The P4Info id; 0 for a reference to an action profile.</summary>
    public uint Id { get; }

    /// <summary>The full P4 name.</summary>
    public string Name { get; }

    /// <summary>The shortest unambiguous name.</summary>
    public string Alias { get; }

    /// <summary>Whether the action can only be a table's default.</summary>
    public bool IsDefaultOnly { get; }

    /// <summary>The parameters in P4Info order.</summary>
    public IReadOnlyList<ParamSchema> Params => _params;

    /// <summary>Bytes of the packed parameters.</summary>
    public int DataSize { get; }

    internal ParamSchema[] ParamArray => _params;

    /// <summary>The parameter with that name.</summary>
    /// <exception cref="P4InfoException">There is none; the message lists those that exist.</exception>
    public ParamSchema Param(string name)
    {
        foreach (var param in _params)
        {
            if (param.Name == name)
            {
                return param;
            }
        }

        throw P4InfoException.Missing($"action {Alias} of table {Table.Alias}", "parameter", name, _params.Select(p => p.Name));
    }

    /// <inheritdoc/>
    public override string ToString() => Alias;
}
