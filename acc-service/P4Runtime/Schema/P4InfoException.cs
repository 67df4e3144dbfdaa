namespace ACCOffload.P4Runtime.Schema;

/// <summary>A P4Info is unusable or lacks an object; the message names what is missing and what exists.</summary>
public sealed class P4InfoException : Exception
{
    /// <summary>Creates the exception with its one-line message.</summary>
    public P4InfoException(string message)
        : base(message)
    {
    }

    internal static P4InfoException Missing(string where, string kind, string name, IEnumerable<string> present)
    {
        var list = string.Join(", ", present);
        return new P4InfoException($"{where} has no {kind} '{name}'; it has: {(list.Length == 0 ? "none" : list)}");
    }
}
