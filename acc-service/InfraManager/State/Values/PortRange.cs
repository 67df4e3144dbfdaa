using System.Numerics;

namespace ACCOffload.InfraManager.State.Values;

/// <summary><paramref name="Count"/> consecutive ports starting at <paramref name="First"/>; at least one.</summary>
internal readonly record struct PortRange(ushort First, int Count)
{
    /// <summary>
    /// The smallest bit mask that leaves each of 0 to <see cref="Count"/> - 1 unchanged; a masked number is below twice the count.
    /// </summary>
    public ushort Mask => (ushort)(BitOperations.RoundUpToPowerOf2((uint)Count) - 1);

    // The number of ports from 1024 up. The count is a 16-bit action parameter.
    private const int MaxCount = 65536 - 1024;

    public int Last => First + Count - 1;

    /// <summary>Parses <c>first-last</c>. Returns null, or why the text is invalid.</summary>
    public static string? Parse(string text, out PortRange range)
    {
        range = default;
        if (PortSpan.Parse(text, out var span) is { } problem)
        {
            return problem;
        }

        range = new PortRange(span.First, span.Last - span.First + 1);
        return range.Count <= MaxCount ? null : $"has {range.Count} ports, at most {MaxCount}";
    }

    public override string ToString() => $"{First}-{Last}";
}
