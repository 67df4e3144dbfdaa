namespace ACCOffload.InfraManager.State.Values;

/// <summary>The ports from <paramref name="First"/> to <paramref name="Last"/>, inclusive.</summary>
internal readonly record struct PortSpan(ushort First, ushort Last)
{
    public bool Contains(ushort port) => port >= First && port <= Last;

    /// <summary>Parses <c>first-last</c>. Returns null, or why the text is invalid.</summary>
    public static string? Parse(string text, out PortSpan span)
    {
        span = default;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || !ushort.TryParse(text.AsSpan(0, dash), out var first) || !ushort.TryParse(text.AsSpan(dash + 1), out var last)
            || first == 0 || last < first)
        {
            return "is not a port range";
        }

        span = new PortSpan(first, last);
        return null;
    }

    public override string ToString() => $"{First}-{Last}";
}
