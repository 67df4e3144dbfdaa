using System.Text;
using System.Text.Json;
using ACCOffload.Daemon;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Diagnosis;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub doctor`: names each unmet precondition and its remedy. Exit code 1: something is wrong.</summary>
internal static class DoctorCommand
{
    private const string Networks = "/etc/cni/net.d";
    private const string Plugins = "/opt/cni/bin:/usr/lib/cni";

    /// <returns>The exit code; null when the arguments are not valid.</returns>
    public static int? Run(ReadOnlySpan<string> args)
    {
        string file = AgentConfigReader.DefaultFile, networks = Networks, plugins = Plugins;
        var json = false;
        for (var i = 0; i < args.Length; i++)
        {
            var more = i + 1 < args.Length;
            if (args[i] == "--json")
            {
                json = true;
            }
            else if (args[i] == "--config" && more)
            {
                file = args[++i];
            }
            else if (args[i] == "--networks" && more)
            {
                networks = args[++i];
            }
            else if (args[i] == "--plugins" && more)
            {
                plugins = args[++i];
            }
            else
            {
                return null;
            }
        }
        var report = Examine(file, networks, plugins);
        if (json)
        {
            WriteJson(report);
        }
        else
        {
            report.WriteText(Console.Out);
        }

        return report.IsSound ? 0 : 1;
    }

    private static DoctorReport Examine(string file, string networks, string plugins)
    {
        try
        {
            return new Doctor(
                AgentConfigReader.Load(file),
                networks,
                plugins.Split(':', StringSplitOptions.RemoveEmptyEntries),
                HostHardware.OfThisMachine,
                TimeProvider.System).Examine();
        }
        catch (ConfigurationException e)
        {
            var report = new DoctorReport();
            foreach (var error in e.Errors)
            {
                report.Wrong(
                    "configuration",
                    ConfigurationError.OneLine(error.ToString()),
                    "docs/configuration.md lists all keys; the agent does not start until this is fixed");
            }

            return report;
        }
    }

    private static void WriteJson(DoctorReport report)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            report.WriteJson(writer);
        }

        Console.Out.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
