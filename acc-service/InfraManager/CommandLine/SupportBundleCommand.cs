using System.CommandLine;
using ACCOffload.Daemon.Support;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager support-bundle: an archive of what helps to understand a problem of this machine, without secrets.</summary>
internal static class SupportBundleCommand
{
    // Each is printed by the running service, and says why if it cannot be.
    private static readonly string[][] Queries =
    [
        ["status"], ["endpoints"], ["vports"], ["services"], ["nodes"], ["policy"], ["shares"], ["counters", "--all"], ["verify", "policy"],
    ];

    public static Command Create(Option<string?> config)
    {
        var output = new Option<string?>("--output")
        {
            Description = "The file, or - for standard output; default: a name with machine and time in the current folder",
            HelpName = "FILE",
        };
        var command = new Command("support-bundle", "Collects configuration, state and logs for a support case, without keys and tokens")
        {
            output,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var file = parsed.GetValue(config) ?? SettingsLoader.DefaultFile;
            var name = SupportBundle.NameOf("inframanager", TimeProvider.System);
            return await SupportFile.WriteAsync(
                "inframanager", parsed.GetValue(output), name, b => FillAsync(b, file), parsed.InvocationConfiguration.Output,
                parsed.InvocationConfiguration.Error, cancel);
        });
        return command;
    }

    private static async Task FillAsync(SupportBundle bundle, string file)
    {
        await bundle.AddTextAsync("version.txt", $"inframanager {ProductVersion.Text}\n");
        await bundle.AddCommandAsync("doctor.txt", "doctor", "--config", file);
        foreach (var query in Queries)
        {
            var name = $"state/{string.Join('-', query).Replace("--", "", StringComparison.Ordinal)}";
            await bundle.AddCommandAsync($"{name}.json", ["ctl", "--config", file, "--json", .. query]);
        }

        await bundle.AddCommandAsync("state/status.txt", "ctl", "--config", file, "status");
        await SupportConfiguration.AddAsync(
            bundle, file, Environment.GetEnvironmentVariables(), SettingsLoader.Foreign, SettingsLoader.Defaults());
        await bundle.AddMachineAsync("inframanager.service", "accoffload-ports.service");
    }
}
