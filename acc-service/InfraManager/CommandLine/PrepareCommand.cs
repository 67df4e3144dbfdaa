using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.NativeInterop;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager prepare: makes the soft target's namespace of ports. A unit of its own runs it, outside of the service's sandbox, where a mount made is seen by all.</summary>
internal static class PrepareCommand
{
    public static Command Create(Option<string?> config)
    {
        var command = new Command("prepare", "Makes the namespace of the soft target's ports, and ends");
        command.SetAction(parsed => Run(parsed.GetValue(config), parsed.InvocationConfiguration.Error));
        return command;
    }

    private static int Run(string? file, TextWriter error)
    {
        try
        {
            var path = SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), ["SoftTarget"]).SoftTarget.PortNamespace;
            if (Path.GetDirectoryName(path) != "/run/netns")
            {
                error.WriteLine($"inframanager: SoftTarget:PortNamespace = {path}: only namespaces in /run/netns are made here; make this one by hand");
                return ConfigurationException.ExitCode;
            }
            NetNamespace.OpenOrCreateNamed(Path.GetFileName(path)).Dispose();
            return 0;
        }
        catch (ConfigurationException e)
        {
            error.WriteLine(e.Message);
            return ConfigurationException.ExitCode;
        }
        catch (LinuxException e)
        {
            error.WriteLine($"inframanager: {e.Message}; run it as root");
            return 1;
        }
    }
}
