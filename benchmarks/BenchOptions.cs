namespace ACCOffload.Benchmarks;

/// <summary>What to run, and how thoroughly.</summary>
internal sealed record BenchOptions(bool Quick, IReadOnlySet<string> Only)
{
    public const string Usage = "usage: benchmarks/run [--quick] [--only PART[,PART...]]";

    /// <summary>Rounds of a measurement: as many as its median needs, or the few that show that it works.</summary>
    public int Rounds(int full, int quick) => Quick ? quick : full;

    /// <exception cref="ArgumentException">One line that says what is wrong.</exception>
    public static BenchOptions Parse(string[] arguments, IEnumerable<string> parts)
    {
        var quick = false;
        var only = new HashSet<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
                quick = true;
            else if (arguments[i] == "--only" && i + 1 < arguments.Length)
                only.UnionWith(arguments[++i].Split(',', StringSplitOptions.RemoveEmptyEntries));
            else
                throw new ArgumentException($"'{arguments[i]}' is not understood; {Usage}");
        }

        var unknown = only.Except(parts).ToArray();
        if (unknown.Length > 0)
            throw new ArgumentException($"no part is called {unknown[0]}; there are {string.Join(", ", parts)}");
        return new BenchOptions(quick, only);
    }
}
