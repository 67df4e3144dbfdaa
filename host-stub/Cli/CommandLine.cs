using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Cli;

/// <summary>The commands for administrators and systemd.</summary>
internal static class CommandLine
{
    private const int UsageError = 2;

    public static int Run(string[] args)
    {
        try
        {
            return args switch
            {
                ["agent"] => AgentCommand.Run(AgentConfigReader.DefaultFile),
                ["agent", "--config", var path] => AgentCommand.Run(path),
                ["prepare"] => PrepareCommand.Run(AgentConfigReader.DefaultFile),
                ["prepare", "--config", var path] => PrepareCommand.Run(path),
                ["status", .. var rest] => Ask(rest, StatusCommand.Run),
                ["devices", .. var rest] => Ask(rest, DevicesCommand.Run),
                ["doctor", .. var rest] => DoctorCommand.Run(rest) ?? Fail(Usage, UsageError),
                ["support-bundle", .. var rest] => SupportBundleCommand.Run(rest) ?? Fail(Usage, UsageError),
                ["--version"] => Print(Version),
                ["--help" or "-h" or "help"] or [_, "--help" or "-h"] => Print(Usage),
                _ => Fail(Usage, UsageError),
            };
        }
        catch (ConfigurationException e)
        {
            return Fail(string.Join(Environment.NewLine, e.Errors.Select(error => $"host-stub: {error}")), ConfigurationException.ExitCode);
        }
    }

    private static string Version => $"host-stub {typeof(CommandLine).Assembly.GetName().Version?.ToString(3)}";

    private static string Usage =>
        $"""
        {Version}: CNI plugin of ACCOffload and its agent (CNI {string.Join(", ", CniVersions.All.ToArray())})

        host-stub agent [--config FILE]             serve the plugin, {AgentConfigReader.DefaultFile} by default
        host-stub prepare [--config FILE]           create the ports' namespace and exit
        host-stub status [--json] [--socket PATH]   attachments and the ACC's state, from the running agent
        host-stub devices [--json] [--socket PATH]  device pools, and which attachment has which device
        host-stub doctor [--json] [--config FILE] [--networks DIR] [--plugins DIR:DIR]
                                                    check this host, and show what to do
        host-stub support-bundle [--output FILE] [--config FILE] [--socket PATH]
                                                    collect configuration, state and logs, without secrets
        host-stub --version

        A container runtime runs it as a CNI plugin, with CNI_COMMAND in the environment.
        """;

    private static int Ask(ReadOnlySpan<string> args, Func<string, bool, int> query)
    {
        var json = false;
        var socket = CniNetworkHeader.DefaultSocket;
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--json")
            {
                json = true;
            }
            else if (args[i] == "--socket" && i + 1 < args.Length)
            {
                socket = args[++i];
            }
            else
            {
                return Fail(Usage, UsageError);
            }
        }
        return query(socket, json);
    }

    private static int Print(string text)
    {
        Console.Out.WriteLine(text);
        return 0;
    }

    private static int Fail(string text, int code)
    {
        Console.Error.WriteLine(text);
        return code;
    }
}
