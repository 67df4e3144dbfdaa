using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Hosting;
using ACCOffload.InfraManager.Systemd;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager soft-target: the soft target in a process of its own, so that traffic outlives the control plane.</summary>
internal static class SoftTargetCommand
{
    private static readonly string[] Sections = ["SoftTarget", "Logging"];

    public static Command Create(Option<string?> config)
    {
        var listen = new Option<string?>("--listen") { Description = "Where P4Runtime and gNMI are served; default: SoftTarget:Listen of the configuration", HelpName = "unix:/PATH|ADDRESS:PORT" };
        var portNamespace = new Option<string?>("--port-namespace") { Description = "Network namespace of the ports' links; default: SoftTarget:PortNamespace of the configuration", HelpName = "PATH" };
        var command = new Command("soft-target", "Runs the soft target alone: a P4Runtime and gNMI server that forwards packets") { listen, portNamespace };
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

        return Daemon.RunAsync(file, Sections, async (settings, loggers, signals) =>
        {
            var own = settings.SoftTarget with
            {
                Listen = listen ?? settings.SoftTarget.Listen,
                PortNamespace = portNamespace ?? settings.SoftTarget.PortNamespace,
            };
            await using var host = await SoftTargetProcess.StartAsync(own, settings.Source, loggers, signals.Stopping);
            using var systemd = new SystemdService(loggers.CreateLogger(Features.Host));
            systemd.Ready($"Serving P4Runtime on {own.Listen}");
            systemd.StartWatchdog(() => true, TimeProvider.System);
            await signals.WaitForStopAsync();
            systemd.Stopping();
            return 0;
        });
    }

    private static async Task<int> RefuseAsync(string option, string value, string reason, string remedy)
    {
        await Console.Error.WriteLineAsync(new ConfigurationError("inframanager soft-target", option, value, reason, remedy).ToString());
        return ConfigurationException.ExitCode;
    }
}
