using System.CommandLine;
using ACCOffload.Daemon;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Diagnosis;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager doctor: reports unmet requirements and their remedies. Exit code 1 if there are any.</summary>
internal static class DoctorCommand
{
    public static Command Create(Option<string?> config)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON" };
        var command =
            new Command("doctor", "Checks this machine's requirements for inframanager and suggests remedies; changes nothing") { json };
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
            return new Doctor(
                SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), sections: null), TimeProvider.System).Examine();
        }
        catch (ConfigurationException e)
        {
            var report = new DoctorReport();
            foreach (var error in e.Errors)
            {
                report.Wrong(
                    "configuration",
                    ConfigurationError.OneLine(error.ToString()),
                    "inframanager does not start with this; docs/configuration.md describes all keys");
            }

            return report;
        }
    }
}
