using System.CommandLine;
using ACCOffload.InfraManager.Hosting;
using ACCOffload.InfraManager.Store;

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
