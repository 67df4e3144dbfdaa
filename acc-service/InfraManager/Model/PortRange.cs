using System.Numerics;

namespace ACCOffload.InfraManager.Model;

/// <summary>Ports from <paramref name="First"/> on; as many as a power of two, so that a mask picks one.</summary>
internal readonly record struct PortRange(ushort First, int Count)
{
    public ushort Mask => (ushort)(Count - 1);

    public int Last => First + Count - 1;

    /// <summary>Reads <c>first-last</c>. Null, or why the text is none.</summary>
    public static string? Parse(string text, out PortRange range)
    {
        range = default;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || !ushort.TryParse(text.AsSpan(0, dash), out var first) || !ushort.TryParse(text.AsSpan(dash + 1), out var last) || first == 0 || last < first)
            return "is no range of ports";
        range = new PortRange(first, last - first + 1);
        return BitOperations.IsPow2(range.Count) ? null : $"has {range.Count} ports, which is no power of two";
    }

    public override string ToString() => $"{First}-{Last}";
}
