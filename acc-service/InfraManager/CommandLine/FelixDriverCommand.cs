using System.CommandLine;
using System.Runtime.InteropServices;
using ACCOffload.InfraManager.Felix;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>
/// inframanager felix-driver: the program that Calico's Felix starts as its data plane. Felix gives it messages at file descriptor 3, takes
/// answers at 4, and passes no arguments, so that the program does the same when it is called by this name.
/// </summary>
internal static class FelixDriverCommand
{
    public const string Name = "felix-driver";

    private const int FromFelix = 3;
    private const int ToFelix = 4;

    public static Command Create()
    {
        var socket = new Option<string>("--socket")
        {
            Description = "The service's socket for Felix",
            HelpName = "PATH",
            DefaultValueFactory = _ => FelixListener.DefaultPath,
        };
        var command = new Command(Name, "Started by Calico's Felix: connects it to the running service") { socket };
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(socket)!, parsed.InvocationConfiguration.Error, cancel));
        return command;
    }

    /// <summary>
    /// Whether this process was called by the command's name, through a link to the executable: then the command is the whole program.
    /// </summary>
    public static bool IsProgram() => Path.GetFileName(CalledAs()) == Name;

    // argv[0]: the runtime's own path of the program has its links resolved.
    private static string CalledAs() => File.ReadAllText("/proc/self/cmdline").Split('\0')[0];

    private static async Task<int> RunAsync(string path, TextWriter error, CancellationToken cancel)
    {
        using var fromFelix = InheritedPipe.Open(FromFelix, FileAccess.Read);
        using var toFelix = InheritedPipe.Open(ToFelix, FileAccess.Write);
        if (fromFelix is null || toFelix is null)
        {
            await error.WriteLineAsync(
                $"inframanager {Name}: file descriptors {FromFelix} and {ToFelix} are not open; Felix starts this command, "
                    + "as its setting DataplaneDriver says");
            return 1;
        }

        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        return await new FelixDriver(fromFelix, toFelix, path, error).RunAsync(connectLimit: null, stopped.Token);

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stopped.Cancel();
        }
    }
}
