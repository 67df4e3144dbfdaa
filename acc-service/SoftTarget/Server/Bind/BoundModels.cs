using P4.Config.V1;

namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>A match field of P4Info and its position in the engine's packed key.</summary>
internal sealed record BoundField(uint Id, string Name, MatchField.Types.MatchType Type, int Bits, int Offset, int Bytes)
{
    /// <summary>Bits of the engine's field above the P4 field: p4c rounds widths up to whole bytes.</summary>
    public int Padding => (Bytes * 8) - Bits;

    /// <summary>Whether an entry may omit the field.</summary>
    public bool MayBeOmitted => Type != MatchField.Types.MatchType.Exact;

    /// <summary>Whether entries of a table with such a field have a priority.</summary>
    public bool NeedsPriority =>
        Type is MatchField.Types.MatchType.Ternary or MatchField.Types.MatchType.Range or MatchField.Types.MatchType.Optional;
}

/// <summary>An action of P4Info.</summary>
internal sealed record BoundAction(uint Id, string Name, BoundParam[] Params);

/// <summary>An action parameter of P4Info.</summary>
internal sealed record BoundParam(uint Id, string Name, int Bits);

/// <summary>An action of a table: the engine has a separate copy of an action for each table that lists it.</summary>
internal sealed class BoundTableAction
{
    public required BoundAction Action { get; init; }

    /// <summary>Index of the engine's action.</summary>
    public required int Engine { get; init; }

    public required bool ForEntries { get; init; }

    public required bool ForDefault { get; init; }

    /// <summary>Offset and width of each parameter (in P4Info's order) in the engine's action data.</summary>
    public required (int Offset, int Bytes)[] Places { get; init; }

    public required int DataBytes { get; init; }
}

/// <summary>A table of P4Info, bound to a table or a learner of the engine.</summary>
internal sealed class BoundTable
{
    private readonly BoundField[] _fields = [];
    private readonly string _name = "";

    public required uint Id { get; init; }

    /// <summary>P4Info's alias.</summary>
    public required string Name
    {
        get => _name;
        init
        {
            _name = value;
            Label = $"table {value}";
        }
    }

    /// <summary>Prefix of messages; cached because building it for each entry would cost more than the entry.</summary>
    public string Label { get; private init; } = "";

    /// <summary>Index among the engine's tables, or for a learner among its learners.</summary>
    public required int Engine { get; init; }

    public required bool IsLearner { get; init; }

    /// <summary>Whether entries are immutable (P4's const entries).</summary>
    public required bool IsConst { get; init; }

    public required BoundField[] Fields
    {
        get => _fields;
        init
        {
            _fields = value;
            NeedsPriority = value.Any(f => f.NeedsPriority);
            HasRange = value.Any(f => f.Type == MatchField.Types.MatchType.Range);
        }
    }

    public required int KeyBytes { get; init; }

    /// <summary>Whether the engine requires a mask with a key.</summary>
    public required bool HasMask { get; init; }

    public required BoundTableAction[] Actions { get; init; }

    public required bool DefaultIsConst { get; init; }

    public required bool HasIdleTimeout { get; init; }

    /// <summary>The action profile or selector that implements it.</summary>
    public BoundProfile? Profile { get; init; }

    /// <summary>Index of the engine's action that sets the member or group id; -1 if the table has none.</summary>
    public int SetMemberAction { get; init; } = -1;

    /// <inheritdoc cref="SetMemberAction"/>
    public int SetGroupAction { get; init; } = -1;

    public BoundCounter? DirectCounter { get; set; }

    public bool NeedsPriority { get; private init; }

    public bool HasRange { get; private init; }

    /// <summary>Maximum size of an entry's action data.</summary>
    public int DataBytes => Profile is not null || Actions.Length == 0 ? sizeof(uint) : Actions.Max(a => a.DataBytes);

    public BoundTableAction? FindAction(uint id) => Array.Find(Actions, a => a.Action.Id == id);

    public BoundTableAction? FindEngineAction(int engine) => Array.Find(Actions, a => a.Engine == engine);

    /// <summary>Field by id; ids are 1, 2, … unless the P4 programmer chose others.</summary>
    public int FieldIndex(uint id)
    {
        var guess = id - 1;
        return guess < (uint)Fields.Length && Fields[guess].Id == id ? (int)guess : Array.FindIndex(Fields, f => f.Id == id);
    }
}

/// <summary>An action profile or selector of P4Info, bound to the engine's member table and selector.</summary>
internal sealed class BoundProfile
{
    public required uint Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Index of the engine's member table.</summary>
    public required int MemberTable { get; init; }

    /// <summary>Index of the engine's selector; -1 for a profile without one.</summary>
    public required int Selector { get; init; }

    public required int GroupsMax { get; init; }

    public required int MembersMax { get; init; }

    /// <summary>P4Info's max_group_size; 0 if unspecified.</summary>
    public required int MaxGroupSize { get; init; }

    public required BoundTableAction[] Actions { get; init; }
}

/// <summary>A counter array: indexed, or direct to a table. SWX keeps counters as register arrays.</summary>
internal sealed record BoundCounter(uint Id, string Name, long Size, int Packets, int Bytes)
{
    public const int None = -1;
}

/// <summary>A register array of P4Info.</summary>
internal sealed record BoundRegister(uint Id, string Name, long Size, int Array, int Bits);

/// <summary>The header that P4Info declares for packets to or from the controller.</summary>
internal sealed record BoundPacketHeader(string Name, BoundParam[] Fields)
{
    /// <summary>Size of the header on the wire.</summary>
    public int Bytes => (Fields.Sum(f => f.Bits) + 7) / 8;
}
