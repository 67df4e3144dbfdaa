namespace ACCOffload.SoftTarget.Engine;

/// <summary>The <c>.spec</c> text is not a program that this engine can run.</summary>
public sealed class SpecException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="line">1-based line of the specification, 0 for the text as a whole.</param>
    /// <param name="reason">What is wrong, without the line.</param>
    public SpecException(int line, string reason)
        : base(SpecLexer.OneLine(line > 0 ? $"line {line}: {reason}" : reason))
    {
        Line = line;
        Reason = reason;
    }

    /// <summary>1-based line of the specification, 0 for the text as a whole.</summary>
    public int Line { get; }

    /// <summary>What is wrong, without the line.</summary>
    public string Reason { get; }
}
