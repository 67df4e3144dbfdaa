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
        if (PortSpan.Parse(text, out var span) is { } problem)
            return problem;
        range = new PortRange(span.First, span.Last - span.First + 1);
        return BitOperations.IsPow2(range.Count) ? null : $"has {range.Count} ports, which is no power of two";
    }

    public override string ToString() => $"{First}-{Last}";
}
