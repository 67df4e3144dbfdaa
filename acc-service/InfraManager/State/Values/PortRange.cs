using System.Numerics;

namespace ACCOffload.InfraManager.State.Values;

/// <summary><paramref name="Count"/> ports from <paramref name="First"/> on, at least one.</summary>
internal readonly record struct PortRange(ushort First, int Count)
{
    /// <summary>
    /// The lowest mask that leaves each of 0 to <see cref="Count"/> - 1 as it is; so a masked number is below twice the count.
    /// </summary>
    public ushort Mask => (ushort)(BitOperations.RoundUpToPowerOf2((uint)Count) - 1);

    // Ports 0 to 1023 are never of a pool, and the count is a parameter of 16 bits.
    private const int Most = 65536 - 1024;

    public int Last => First + Count - 1;

    /// <summary>Reads <c>first-last</c>. Null, or why the text is not valid.</summary>
    public static string? Parse(string text, out PortRange range)
    {
        range = default;
        if (PortSpan.Parse(text, out var span) is { } problem)
        {
            return problem;
        }

        range = new PortRange(span.First, span.Last - span.First + 1);
        return range.Count <= Most ? null : $"has {range.Count} ports, at most {Most}";
    }

    public override string ToString() => $"{First}-{Last}";
}
