namespace ACCOffload.SoftTarget.Engine;

/// <summary>A <c>.spec</c> text that is not a program this engine can run.</summary>
public sealed class SpecException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="line">1-based line of the specification, 0 where the text as a whole is at fault.</param>
    /// <param name="reason">What is wrong, without the line.</param>
    public SpecException(int line, string reason)
        : base(SpecLexer.OneLine(line > 0 ? $"line {line}: {reason}" : reason))
    {
        Line = line;
        Reason = reason;
    }

    /// <summary>1-based line of the specification, 0 where the text as a whole is at fault.</summary>
    public int Line { get; }

    /// <summary>What is wrong, without the line.</summary>
    public string Reason { get; }
}
