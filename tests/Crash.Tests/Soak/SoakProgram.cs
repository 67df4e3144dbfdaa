using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Xunit.Runner.InProc.SystemConsole;

namespace ACCOffload.Crash.Tests.Soak;

/// <summary>
/// The entry point of the test assembly. `soak` runs for SOAK_MINUTES (60) and prints a line per minute and a final result. SOAK_HOSTILE=0
/// disables hostile peers, ACCOFFLOAD_TEST_SEED repeats a run. Any other arguments are passed to the test runner.
/// </summary>
internal static class SoakProgram
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMinutes(1);

    public static async Task<int> Main(string[] args)
    {
        if (args is not ["soak"])
        {
            return await ConsoleRunner.Run(args);
        }

        if (!Environment.IsPrivilegedProcess || !File.Exists(Published.InfraManager))
        {
            await Console.Error.WriteLineAsync($"soak: needs root and the published binaries ({Published.InfraManager}); run 'make soak' "
                + $"as root");
            return 1;
        }

        using var interrupted = new CancellationTokenSource();
        using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await RunAsync(TimeSpan.FromMinutes(Minutes()), interrupted.Token);

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }
    }

    private static double Minutes() =>
        double.TryParse(Environment.GetEnvironmentVariable("SOAK_MINUTES"), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out var minutes) && minutes > 0 ? minutes : 60;

    private static async Task<int> RunAsync(TimeSpan length, CancellationToken interrupted)
    {
        Console.WriteLine($"soak: {length.TotalMinutes:0.#} minutes, seed {RunSettings.Seed}; one node under requests, one with pods; "
            + $"processes are killed in phases; {(CrashSettings.Hostile ? "hostile peers on both" : "no hostile peers")}");
        var clock = Stopwatch.StartNew();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        end.CancelAfter(length);
        var requests = new RequestSoak(length);
        var pods = new PodSoak(length);
        Task[] running = [requests.RunAsync(end.Token), pods.RunAsync(end.Token)];
        while (!end.IsCancellationRequested)
        {
            await Task.WhenAny([.. running, Task.Delay(ReportEvery, end.Token)]);
            // Only a failure ends one of them early.
            if (running.Any(r => r.IsCompleted))
            {
                await end.CancelAsync();
            }
            else if (!end.IsCancellationRequested)
            {
                Console.WriteLine($"{clock.Elapsed:hh\\:mm\\:ss}  {requests}; {pods}");
            }
        }

        await Task.WhenAll(running).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        Console.WriteLine($"{clock.Elapsed:hh\\:mm\\:ss}  {requests}; {pods}");
        string[] problems = [.. running.Select(r => r.Exception?.InnerException?.Message).Append(requests.Problem).Append(pods.Problem)
            .OfType<string>()];
        foreach (var problem in problems)
        {
            Console.WriteLine($"soak: {problem}");
        }

        var completed = !interrupted.IsCancellationRequested;
        Console.WriteLine(problems.Length > 0 ? $"soak: FAILED, seed {RunSettings.Seed}" : completed
            ? "soak: passed"
            : "soak: interrupted without a failure");
        return problems.Length > 0 ? 1 : completed ? 0 : 130;
    }
}
