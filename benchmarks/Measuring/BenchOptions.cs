namespace ACCOffload.Benchmarks.Measuring;

/// <summary>The command line options.</summary>
/// <param name="Quick">Few rounds, as a smoke test; the figures mean little.</param>
/// <param name="Only">The parts to run; empty for all.</param>
/// <param name="Against">The compiled pipeline of another version; null for none.</param>
internal sealed record BenchOptions(bool Quick, IReadOnlySet<string> Only, string? Against)
{
    public const string Usage = "usage: benchmarks/run [--quick] [--only PART[,PART...]] [--against FILE.spec]";

    /// <summary>The number of rounds of a measurement, for a full or a quick run.</summary>
    public int Rounds(int full, int quick) => Quick ? quick : full;

    /// <exception cref="ArgumentException">An argument is invalid; the message is one line.</exception>
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
                throw new ArgumentException($"unknown argument '{arguments[i]}'; {Usage}");
            }
        }

        var unknown = only.Except(parts).ToArray();
        if (unknown.Length > 0)
        {
            throw new ArgumentException($"unknown part {unknown[0]}; the parts are {string.Join(", ", parts)}");
        }

        if (against is not null && !File.Exists(against))
        {
            throw new ArgumentException($"{against}: file not found; --against takes a compiled pipeline such as k8s_dp.spec of another "
                + $"commit");
        }

        return new BenchOptions(quick, only, against);
    }
}
