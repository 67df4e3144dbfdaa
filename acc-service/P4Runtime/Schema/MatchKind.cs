namespace ACCOffload.P4Runtime.Schema;

/// <summary>How a match field compares.</summary>
public enum MatchKind
{
    /// <summary>Equal; always present.</summary>
    Exact,

    /// <summary>Longest prefix; length 0 is "any".</summary>
    Lpm,

    /// <summary>Value under a mask; mask 0 is "any".</summary>
    Ternary,

    /// <summary>Between two values, both inclusive; the full range is "any".</summary>
    Range,

    /// <summary>Equal, or "any" when absent.</summary>
    Optional,
}
