using System.Buffers;

namespace ACCOffload.InfraManager.Model;

/// <summary>Names that host-stub makes up for the port of an attachment: <c>acc</c> and eleven hexadecimal digits.</summary>
internal static class AgentPortName
{
    private const string Prefix = "acc";
    private const int Digits = 11;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>Whether the name is one of those.</summary>
    public static bool Is(string name) =>
        name.Length == Prefix.Length + Digits && name.StartsWith(Prefix, StringComparison.Ordinal) && !name.AsSpan(Prefix.Length).ContainsAnyExcept(HexDigits);
}
