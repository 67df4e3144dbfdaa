using System.Buffers;

namespace ACCOffload.Protos;

/// <summary>
/// Names that the agent makes up for the port of an attachment: <c>acc</c> and eleven hexadecimal digits. Both sides know them: the agent its own links by
/// them, the ACC the ports that it may remove, and those for which any port of a pool will do.
/// </summary>
public static class AgentPortName
{
    /// <summary>What each begins with.</summary>
    public const string Prefix = "acc";

    /// <summary>How many hexadecimal digits follow.</summary>
    public const int Digits = 11;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>Whether the name is one of those.</summary>
    public static bool Is(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length == Prefix.Length + Digits && name.StartsWith(Prefix, StringComparison.Ordinal) && !name.AsSpan(Prefix.Length).ContainsAnyExcept(HexDigits);
    }
}
