namespace ACCOffload.SoftTarget.Engine;

internal sealed record RawStruct(SpecLine Head, List<SpecLine> Fields);

internal sealed record RawAction(SpecLine Head, string Name, string? Arguments, List<SpecLine> Body);

internal sealed class RawTable(SpecLine head)
{
    public SpecLine Head { get; } = head;
    public string Name => Head.Tokens[1];
    public List<SpecLine> Key { get; } = [];
    public List<SpecLine> Actions { get; } = [];
    public List<SpecLine> Timeouts { get; } = [];
    public SpecLine? Default { get; set; }
    public SpecLine? Size { get; set; }
}

internal sealed class RawSelector(SpecLine head)
{
    public SpecLine Head { get; } = head;
    public string Name => Head.Tokens[1];
    public List<SpecLine> Fields { get; } = [];
    public SpecLine? GroupId { get; set; }
    public SpecLine? MemberId { get; set; }
    public SpecLine? Groups { get; set; }
    public SpecLine? Members { get; set; }
}

/// <summary>The statements of a specification, grouped by kind, with unresolved names.</summary>
internal sealed class SpecDocument
{
    public List<RawStruct> Structs { get; } = [];
    public List<SpecLine> Headers { get; } = [];
    public List<SpecLine> Metadata { get; } = [];
    public List<RawAction> Actions { get; } = [];
    public List<RawTable> Tables { get; } = [];
    public List<RawTable> Learners { get; } = [];
    public List<RawSelector> Selectors { get; } = [];
    public List<SpecLine> RegisterArrays { get; } = [];
    public List<SpecLine> MeterArrays { get; } = [];
    public List<SpecLine> Rss { get; } = [];
    public List<SpecLine>? Apply { get; set; }
    public int ApplyLine { get; set; }
}
