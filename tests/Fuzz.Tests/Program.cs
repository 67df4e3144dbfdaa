using System.Globalization;
using ACCOffload.Fuzz.Tests.Engine;
using Xunit.Runner.InProc.SystemConsole;

namespace ACCOffload.Fuzz.Tests;

/// <summary>
/// The entry point of the test assembly: `fuzz` starts the long run, anything else the test runner. Environment of the long run:
/// FUZZ_INPUTS, FUZZ_SEED, FUZZ_THREADS, FUZZ_TARGETS (names or prefixes), FUZZ_EPISODE (replays one).
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] args) => args is ["fuzz"] ? Run() : await ConsoleRunner.Run(args);

    private static int Run()
    {
        var inputs = (long)Number("FUZZ_INPUTS", 1_000_000);
        var seed = Number("FUZZ_SEED", (ulong)Random.Shared.NextInt64(1, int.MaxValue));
        var threads = (int)Number("FUZZ_THREADS", (ulong)Math.Min(Environment.ProcessorCount, 8));
        var names = (Environment.GetEnvironmentVariable("FUZZ_TARGETS") ?? "").Split(',',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var targets = FuzzTargets.All.Where(t => names.Length == 0
            || names.Any(n => t.Name.StartsWith(n, StringComparison.Ordinal))).ToArray();
        Console.WriteLine($"fuzz: {targets.Length} targets, {inputs} inputs each, seed {seed}, {threads} threads");
        long done = 0, accepted = 0;
        var failed = 0;
        foreach (var target in targets)
        {
            try
            {
                var run = new FuzzRun(target, inputs / target.LongRunDivisor, seed, threads, TimeSpan.FromSeconds(20));
                if (Environment.GetEnvironmentVariable("FUZZ_EPISODE") is { Length: > 0 } episode)
                {
                    run.Replay(long.Parse(episode, CultureInfo.InvariantCulture));
                    continue;
                }

                var result = run.Run();
                done += result.Inputs;
                accepted += result.Accepted;
                Console.WriteLine(result);
            }
            catch (FuzzFailure e)
            {
                failed++;
                Console.WriteLine($"FAILED {e.Message}");
            }
        }

        Console.WriteLine($"fuzz: {targets.Length} targets, {done} inputs, {accepted} accepted, {done - accepted} rejected, {failed} "
            + $"failed");
        return failed == 0 && targets.Length > 0 ? 0 : 1;
    }

    private static ulong Number(string name, ulong otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? ulong.Parse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)
            : otherwise;
}
