using System.Text.Json.Nodes;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>
/// A state of the cluster and the expected servers of new flows: lines such as <c>10.96.0.10:80 = 1:8080 2:8080</c>. The left side
/// lists equivalent addresses; the right side lists servers, or is <c>refused</c>, or empty if nothing answers.
/// </summary>
internal sealed record Step(string Expected, Func<Func<int, string>, JsonObject[]> Cluster)
{
    public IEnumerable<(string To, string[] Servers)> Lines =>
        Expected.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split('='))
        .SelectMany(parts => parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(to => (to, parts[1].Split(' ', StringSplitOptions.RemoveEmptyEntries))));
}
