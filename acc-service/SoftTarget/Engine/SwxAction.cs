namespace ACCOffload.SoftTarget.Engine;

/// <summary>An action of the program.</summary>
public sealed class SwxAction
{
    internal SwxAction(string name, int index, SwxStruct? arguments)
    {
        Name = name;
        Index = index;
        ArgumentStruct = arguments;
    }

    /// <summary>Name in the specification.</summary>
    public string Name { get; }

    /// <summary>Index of the action in the program; updates use it.</summary>
    public int Index { get; }

    /// <summary>Arguments in order. Action data is the concatenation of these fields, each big-endian.</summary>
    public IReadOnlyList<SwxField> Arguments => ArgumentStruct?.Fields ?? [];

    /// <summary>Size of the action data in bytes.</summary>
    public int DataBytes => ArgumentStruct?.Bytes ?? 0;

    internal SwxStruct? ArgumentStruct { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>An action as a table lists it.</summary>
/// <param name="Action">The action.</param>
/// <param name="ForEntries">Whether entries may use it (not <c>@defaultonly</c>).</param>
/// <param name="ForDefault">Whether it may be the default action (not <c>@tableonly</c>).</param>
public sealed record SwxTableAction(SwxAction Action, bool ForEntries, bool ForDefault);
