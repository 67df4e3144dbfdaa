namespace ACCOffload.Logging;

/// <summary>What becomes of a line.</summary>
public enum LineFate
{
    /// <summary>It is counted only.</summary>
    Counted,

    /// <summary>It is written.</summary>
    Told,

    /// <summary>Instead of it is written that there are too many.</summary>
    Last,
}

/// <summary>What <see cref="LineBudget"/> says of a line.</summary>
/// <param name="Fate">Whether it is written.</param>
/// <param name="Suppressed">How many of the same peer and reason were not.</param>
/// <param name="Untold">How many of all peers were not in the window before, to be told first.</param>
public readonly record struct LineVerdict(LineFate Fate, long Suppressed, long Untold);
