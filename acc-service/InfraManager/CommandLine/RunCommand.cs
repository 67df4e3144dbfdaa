using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Hosting;
using ACCOffload.InfraManager.Store;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager run: the service.</summary>
internal static class RunCommand
{
    public static Option<string?> ConfigOption() => new("--config") { Description = $"Configuration file; default: {SettingsLoader.DefaultFile}", HelpName = "FILE" };

    public static Command Create()
    {
        var config = ConfigOption();
        var command = new Command("run", "Runs the service (the default)") { config };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(config)));
        return command;
    }

    public static Task<int> RunAsync(string? file) => Daemon.RunAsync(file, sections: null, async (settings, loggers, signals) =>
    {
        try
        {
            await using var host = await ServiceHost.StartAsync(settings, loggers, TimeProvider.System, signals.Stopping);
            signals.Reload += host.ReloadCertificates;
            await signals.WaitForStopAsync();
            await host.StopAsync();
        }
        catch (StoreException e)
        {
            await Console.Error.WriteLineAsync($"inframanager: {e.Message}");
            return 1;
        }
        return 0;
    });
}
