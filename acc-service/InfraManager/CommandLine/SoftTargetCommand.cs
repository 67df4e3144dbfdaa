using System.CommandLine;
using ACCOffload.InfraManager.Hosting;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager soft-target: the soft target in a process of its own, so that traffic outlives the control plane.</summary>
internal static class SoftTargetCommand
{
    private static readonly string[] Sections = ["SoftTarget", "Logging"];

    public static Command Create(Option<string?> config)
    {
        var listen = new Option<string?>("--listen")
        {
            Description = "Where P4Runtime and gNMI are served; default: SoftTarget:Listen of the configuration",
            HelpName = "unix:/PATH|ADDRESS:PORT",
        };
        var portNamespace = new Option<string?>("--port-namespace")
        {
            Description = "Network namespace of the ports' links; default: SoftTarget:PortNamespace of the configuration",
            HelpName = "PATH",
        };
        var command = new Command(
            "soft-target", "Runs the soft target alone: a P4Runtime and gNMI server that forwards packets") { listen, portNamespace };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(config), parsed.GetValue(listen), parsed.GetValue(portNamespace)));
        return command;
    }

    private static Task<int> RunAsync(string? file, string? listen, string? portNamespace)
    {
        if (listen is not null && Parsers.ListenAddress(listen, out _) is { } problem)
        {
            return RefuseAsync("--listen", listen, problem, "give unix:/path or address:port");
        }

        if (portNamespace is not null && Parsers.AbsolutePath(portNamespace, out _) is { } wrong)
        {
            return RefuseAsync("--port-namespace", portNamespace, wrong, "give an absolute path");
        }

        return DaemonCommand.RunAsync(file, Sections, (settings, loggers) =>
        {
            var target = settings.SoftTarget with
            {
                Listen = listen ?? settings.SoftTarget.Listen,
                PortNamespace = portNamespace ?? settings.SoftTarget.PortNamespace,
            };
            return new StandaloneTarget(target, settings.Source, loggers);
        });
    }

    private static async Task<int> RefuseAsync(string option, string value, string reason, string remedy)
    {
        await Console.Error.WriteLineAsync(new ConfigurationError("inframanager soft-target", option, value, reason, remedy).ToString());
        return ConfigurationException.ExitCode;
    }
}
