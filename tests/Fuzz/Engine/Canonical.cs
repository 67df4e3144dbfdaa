namespace ACCOffload.Fuzz.Engine;

/// <summary>
/// Whether protobuf, when it writes what it read, writes what it was given, fields in another order perhaps. Where it does not, something came
/// twice, was unknown, or longer than it need be: what parsers make of that may differ.
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
