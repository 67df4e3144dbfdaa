namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>
/// Tells whether protobuf reproduces the bytes it read, apart from field order. If not, a field was repeated, unknown or encoded
/// longer than necessary, which parsers may treat differently.
/// </summary>
internal static class Canonical
{
    public static bool IsSame(ReadOnlySpan<byte> given, ReadOnlySpan<byte> written)
    {
        if (given.Length != written.Length)
        {
            return false;
        }

        Span<int> counts = stackalloc int[256];
        foreach (var b in given)
        {
            counts[b]++;
        }

        foreach (var b in written)
        {
            counts[b]--;
        }

        return !counts.ContainsAnyExcept(0);
    }
}
