using System.Buffers;

namespace ACCOffload.Protos;

/// <summary>
/// Port names that the agent generates for attachments: <c>acc</c> and eleven hexadecimal digits. They identify the agent's own links and,
/// on the ACC, ports that may be removed or taken from a pool.
/// </summary>
public static class AgentPortName
{
    /// <summary>The prefix of the names.</summary>
    public const string Prefix = "acc";

    /// <summary>Number of hexadecimal digits after the prefix.</summary>
    public const int Digits = 11;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>Whether the name has this form.</summary>
    public static bool Is(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length == Prefix.Length + Digits && name.StartsWith(Prefix, StringComparison.Ordinal) && !name.AsSpan(
            Prefix.Length).ContainsAnyExcept(HexDigits);
    }
}
