namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>What a client saw.</summary>
/// <param name="Succeeded">How many requests were answered with 200.</param>
/// <param name="Connections">How many connections it made.</param>
/// <param name="Failures">The lines of the other requests.</param>
internal sealed record ClientLog(int Succeeded, int Connections, IReadOnlyList<string> Failures)
{
    /// <summary>Lines with the HTTP status, the number of new connections and an error; the last one may be incomplete.</summary>
    public static ClientLog Parse(string text)
    {
        var lines = text.Split('\n').SkipLast(text.EndsWith('\n') ? 1 : 0).Where(l => l.Split(' ').Length >= 3).ToList();
        return new ClientLog(lines.Count(l => l.StartsWith("200 ", StringComparison.Ordinal)),
            lines.Sum(l => int.TryParse(l.Split(' ')[1], out var count) ? count : 0),
            [.. lines.Where(l => !l.StartsWith("200 ", StringComparison.Ordinal))]);
    }

    public override string ToString() =>
        $"{Succeeded} answered, {Failures.Count} failed, {Connections} connections"
        + string.Concat(Failures.Distinct().Take(5).Select(f => $"\n    {f}"));
}
