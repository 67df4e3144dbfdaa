namespace ACCOffload.Benchmarks;

/// <summary>What to run, and how thoroughly.</summary>
/// <param name="Quick">Shows that it works; the figures mean little.</param>
/// <param name="Only">Parts; empty for all.</param>
/// <param name="Against">Another version's compiled pipeline; null for none.</param>
internal sealed record BenchOptions(bool Quick, IReadOnlySet<string> Only, string? Against)
{
    public const string Usage = "usage: benchmarks/run [--quick] [--only PART[,PART...]] [--against FILE.spec]";

    /// <summary>Rounds of a measurement: as many as its median needs, or the few that show that it works.</summary>
    public int Rounds(int full, int quick) => Quick ? quick : full;

    /// <exception cref="ArgumentException">One line that says what is wrong.</exception>
    public static BenchOptions Parse(string[] arguments, IEnumerable<string> parts)
    {
        var quick = false;
        string? against = null;
        var only = new HashSet<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
            {
                quick = true;
            }
            else if (arguments[i] == "--only" && i + 1 < arguments.Length)
            {
                only.UnionWith(arguments[++i].Split(',', StringSplitOptions.RemoveEmptyEntries));
            }
            else if (arguments[i] == "--against" && i + 1 < arguments.Length)
            {
                against = arguments[++i];
            }
            else
            {
                throw new ArgumentException($"'{arguments[i]}' is not understood; {Usage}");
            }
        }

        var unknown = only.Except(parts).ToArray();
        if (unknown.Length > 0)
        {
            throw new ArgumentException($"no part is called {unknown[0]}; there are {string.Join(", ", parts)}");
        }

        if (against is not null && !File.Exists(against))
        {
            throw new ArgumentException($"{against}: there is no such file; --against takes a compiled pipeline such as k8s_dp.spec of another commit");
        }

        return new BenchOptions(quick, only, against);
    }
}
