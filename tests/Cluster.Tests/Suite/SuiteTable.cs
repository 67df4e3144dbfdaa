using System.Text;

namespace ACCOffload.Cluster.Tests.Suite;

/// <summary>The outcome of a run: what passed, failed, and cannot run, and why.</summary>
internal static class SuiteTable
{
    private const int MessageLength = 160;

    /// <param name="ran">The tests that ran.</param>
    /// <param name="excluded">The tests that cannot run here, with the reason.</param>
    /// <param name="mustPass">The names of those that must pass.</param>
    public static string Format(IReadOnlyList<SuiteTest> ran, IReadOnlyList<(string Name, string Reason)> excluded,
        IReadOnlySet<string> mustPass)
    {
        var text = new StringBuilder();
        foreach (var test in ran.Where(t => t.State == "passed"))
        {
            text.AppendLine($"passed  {test.Seconds,5:0} s  {test.Name}{(mustPass.Contains(test.Name) ? "" : " (not in must-pass.txt)")}");
        }

        foreach (var test in ran.Where(t => t.State is not ("passed" or "skipped")))
        {
            text.AppendLine($"FAILED  {test.Seconds,5:0} s  {test.Name}{(mustPass.Contains(test.Name) ? "" : " (not in must-pass.txt)")}");
            text.AppendLine($"                 {test.State}: {Short(test.Message)}");
        }

        var own = ran.Where(t => t.State == "skipped").Select(t => (t.Name, Reason: $"skips itself: {Short(t.Message)}")).ToList();
        foreach (var group in excluded.Concat(own).GroupBy(e => e.Reason))
        {
            text.AppendLine($"cannot run: {group.Key}");
            foreach (var (name, _) in group)
            {
                text.AppendLine($"                 {name}");
            }
        }

        text.AppendLine($"{ran.Count(t => t.State == "passed")} passed, {ran.Count(t => t.State is not ("passed" or "skipped"))} failed, "
            + $"{excluded.Count + own.Count} cannot run here");
        return text.ToString();
    }

    private static string Short(string message)
    {
        var line = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= MessageLength ? line : line[..MessageLength] + "…";
    }
}
