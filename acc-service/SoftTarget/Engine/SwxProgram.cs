namespace ACCOffload.SoftTarget.Engine;

/// <summary>A parsed and validated <c>.spec</c> program.</summary>
public sealed class SwxProgram
{
    internal SwxProgram()
    {
    }

    /// <summary>Parses a specification of DPDK's SWX pipeline, as p4c-dpdk writes it.</summary>
    /// <param name="specText">The text.</param>
    /// <returns>The program, compiled.</returns>
    /// <exception cref="SpecException">The text is not a program this engine can run.</exception>
    public static SwxProgram Parse(string specText)
    {
        ArgumentNullException.ThrowIfNull(specText);
        return SpecBinder.Bind(SpecReader.Read(specText));
    }

    /// <summary>Headers in order.</summary>
    public IReadOnlyList<SwxHeader> Headers { get; internal init; } = [];

    /// <summary>The metadata's structure.</summary>
    public SwxStruct Metadata { get; internal init; } = null!;

    /// <summary>Actions in order.</summary>
    public IReadOnlyList<SwxAction> Actions { get; internal init; } = [];

    /// <summary>Tables in order.</summary>
    public IReadOnlyList<SwxTable> Tables { get; internal init; } = [];

    /// <summary>Selectors in order.</summary>
    public IReadOnlyList<SwxSelector> Selectors { get; internal init; } = [];

    /// <summary>Learners in order.</summary>
    public IReadOnlyList<SwxLearner> Learners { get; internal init; } = [];

    /// <summary>Register arrays in order.</summary>
    public IReadOnlyList<SwxRegisterArray> RegisterArrays { get; internal init; } = [];

    /// <summary>Meter arrays in order.</summary>
    public IReadOnlyList<SwxMeterArray> MeterArrays { get; internal init; } = [];

    /// <summary>Places where DPDK 22.11 deviates from the specification, with line numbers.</summary>
    public IReadOnlyList<string> Warnings { get; internal init; } = [];

    internal KeyLayout[] TableKeys { get; init; } = [];

    internal KeyLayout[] LearnerKeys { get; init; } = [];

    internal SelectorLayout[] SelectorLayouts { get; init; } = [];

    internal CompiledCode Code { get; init; } = null!;

    internal int RssCount { get; init; }

    /// <summary>Finds a table by its name in the specification.</summary>
    public SwxTable? FindTable(string name) => Tables.FirstOrDefault(t => t.Name == name);

    /// <summary>Finds an action by its name in the specification.</summary>
    public SwxAction? FindAction(string name) => Actions.FirstOrDefault(a => a.Name == name);

    /// <summary>Finds a selector by its name in the specification.</summary>
    public SwxSelector? FindSelector(string name) => Selectors.FirstOrDefault(s => s.Name == name);

    /// <summary>Finds a learner by its name in the specification.</summary>
    public SwxLearner? FindLearner(string name) => Learners.FirstOrDefault(l => l.Name == name);

    /// <summary>Finds a register array by its name in the specification.</summary>
    public SwxRegisterArray? FindRegisterArray(string name) => RegisterArrays.FirstOrDefault(r => r.Name == name);

    /// <summary>Finds a meter array by its name in the specification.</summary>
    public SwxMeterArray? FindMeterArray(string name) => MeterArrays.FirstOrDefault(m => m.Name == name);
}
