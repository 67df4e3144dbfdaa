using System.Text.RegularExpressions;

namespace ACCOffload.Cluster.Tests.Suite;

/// <summary>The tests that cannot run on this cluster, and why: cannot-run.txt has a reason after #, then patterns of names.</summary>
internal sealed class Exclusions
{
    private readonly List<(Regex Pattern, string Reason)> _all = [];

    private Exclusions()
    {
    }

    public IEnumerable<string> Patterns => _all.Select(e => e.Pattern.ToString());

    public static Exclusions Read(string file)
    {
        var exclusions = new Exclusions();
        var reason = "";
        foreach (var line in File.ReadLines(file).Where(l => l.Length > 0))
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                reason = line[2..];
            }
            else
            {
                exclusions._all.Add((new Regex(line, RegexOptions.CultureInvariant), reason));
            }
        }

        return exclusions;
    }

    /// <summary>Why the test cannot run, or null.</summary>
    public string? ReasonFor(string name) => _all.Where(e => e.Pattern.IsMatch(name)).Select(e => e.Reason).FirstOrDefault();
}
