namespace ACCOffload.InfraManager.State.Values;

/// <summary>Checks node names.</summary>
internal static class NodeName
{
    /// <summary>Whether Kubernetes accepts the text as a node name (RFC 1123 subdomain).</summary>
    public static bool IsValid(string text) => text.Length is > 0 and <= 253 && text.Split('.').All(IsLabel);

    // Not a generated regular expression: its type names depend on the build directory, so the executable would not be reproducible.
    private static bool IsLabel(string text) =>
        text.Length > 0 && IsLetterOrDigit(text[0]) && IsLetterOrDigit(text[^1]) && text.All(c => c == '-' || IsLetterOrDigit(c));

    private static bool IsLetterOrDigit(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
