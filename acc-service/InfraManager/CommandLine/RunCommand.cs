using System.CommandLine;
using ACCOffload.InfraManager.Hosting;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager run: the service.</summary>
internal static class RunCommand
{
    public static Command Create(Option<string?> config)
    {
        var command = new Command("run", "Runs the service (the default)");
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(config)));
        return command;
    }

    public static Task<int> RunAsync(string? file) =>
        DaemonCommand.RunAsync(file, sections: null, (settings, loggers) => new ControlPlane(settings, loggers));
}
