using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Micro;
using ACCOffload.TestKit;

namespace ACCOffload.Benchmarks;

/// <summary>Runs the parts in order. Exits with 1 if one could not be measured; a missed target is reported but is not a failure.</summary>
internal static class Program
{
    private static readonly (string Name, Func<BenchOptions, Report, Task> Run)[] Parts =
    [
        ("tables", TableProgramming.RunAsync),
        ("infrap4d", Infrap4dProgramming.RunAsync),
        ("cni", CniPlugins.RunAsync),
        ("devices", DeviceMoves.RunAsync),
        ("start", ColdStart.RunAsync),
        ("restart", Restart.RunAsync),
        ("services", ServiceScale.RunAsync),
        ("nodes", NodeScale.RunAsync),
        ("policy", PolicyScale.RunAsync),
        ("forwarding", Forwarding.RunAsync),
        ("engine", Engines.RunAsync),
        ("pipelines", Pipelines.RunAsync),
        ("micro", MicroBenchmarks.RunAsync),
    ];

    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is [Infrap4dProgramming.Child, .. var rest])
        {
            return await Infrap4dProgramming.MeasureChildAsync(rest);
        }

        BenchOptions options;
        try
        {
            options = BenchOptions.Parse(arguments, Parts.Select(part => part.Name));
        }
        catch (ArgumentException e)
        {
            await Console.Error.WriteLineAsync($"benchmarks/run: {e.Message}");
            return 2;
        }

        var path = Path.Combine(Repository.Root, "out", "bench.json");
        var report = new Report(path);
        var failed = false;
        var load = await File.ReadAllTextAsync("/proc/loadavg");
        report.Add("machine: load average before the run",
            double.Parse(load.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture), "processes");
        foreach (var (name, run) in Parts)
        {
            if (options.Only.Count > 0 && !options.Only.Contains(name))
            {
                continue;
            }

            await Console.Error.WriteLineAsync($"{DateTime.Now:HH:mm:ss} {name}");
            try
            {
                await run(options, report);
            }
            catch (Exception e)
            {
                failed = true;
                await Console.Error.WriteLineAsync($"{name} could not be measured: {e}");
            }
        }

        report.Print(Console.Out);
        await Console.Out.WriteLineAsync($"\n{report.Rows.Count(row => row.Met == true)} targets met, "
            + $"{report.Rows.Count(row => row.Met == false)} missed; rows in {path}");
        return failed ? 1 : 0;
    }
}
