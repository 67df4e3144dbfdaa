using System.CommandLine;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Diagnosis;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager doctor: names each wrong precondition, with its remedy. Exit code 1: something is wrong.</summary>
internal static class DoctorCommand
{
    public static Command Create(Option<string?> config)
    {
        var json = new Option<bool>("--json") { Description = "Answer in JSON" };
        var command = new Command("doctor", "Names what is wrong with this machine for inframanager, and what to do; changes nothing") { json };
        command.SetAction(parsed =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var report = Examine(parsed.GetValue(config));
            if (parsed.GetValue(json))
            {
                CtlJson.Write(output, report.WriteJson);
            }
            else
            {
                report.WriteText(output);
            }

            return report.IsSound ? 0 : 1;
        });
        return command;
    }

    private static DoctorReport Examine(string? file)
    {
        try
        {
            return new Doctor(SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), sections: null), TimeProvider.System).Examine();
        }
        catch (ConfigurationException e)
        {
            var report = new DoctorReport();
            foreach (var error in e.Errors)
            {
                report.Wrong("configuration", ConfigurationError.OneLine(error.ToString()), "docs/configuration.md has all keys; inframanager does not start with this");
            }

            return report;
        }
    }
}
