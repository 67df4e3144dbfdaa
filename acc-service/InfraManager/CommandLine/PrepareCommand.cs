using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Vports;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager prepare: makes the soft target's namespace of ports, and the ACC's own subfunctions. A unit of its own runs it, outside of the service's sandbox, where a mount made is seen by all.</summary>
internal static class PrepareCommand
{
    private static readonly TimeSpan ActivationLimit = TimeSpan.FromSeconds(30);

    public static Command Create(Option<string?> config)
    {
        var command = new Command("prepare", "Makes the namespace of the soft target's ports and the ACC's own subfunctions, and ends");
        command.SetAction(parsed => Run(parsed.GetValue(config), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error));
        return command;
    }

    private static int Run(string? file, TextWriter output, TextWriter error)
    {
        try
        {
            var settings = SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), ["SoftTarget", "Subfunctions"]);
            var path = settings.SoftTarget.PortNamespace;
            if (Path.GetDirectoryName(path) != "/run/netns")
            {
                error.WriteLine($"inframanager: SoftTarget:PortNamespace = {path}: only namespaces in /run/netns are made here; make this one by hand");
                return ConfigurationException.ExitCode;
            }
            NetNamespace.OpenOrCreateNamed(Path.GetFileName(path)).Dispose();
            return MakeSubfunctions(settings.Subfunctions, output, error) ? 0 : 1;
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

    /// <summary>One that can't be made does not keep the others from it.</summary>
    private static bool MakeSubfunctions(IReadOnlyDictionary<string, SubfunctionSettings> wanted, TextWriter output, TextWriter error)
    {
        if (wanted.Count == 0)
        {
            return true;
        }

        using var devlink = DevlinkClient.Open();
        using var route = RouteNetlink.Open();
        var maker = new SubfunctionMaker(devlink, route, EthtoolSettings.SetQueues, ActivationLimit);
        var done = true;
        foreach (var (name, subfunction) in wanted.OrderBy(w => w.Key, StringComparer.Ordinal))
        {
            try
            {
                var link = maker.Ensure(name, subfunction, CancellationToken.None);
                output.WriteLine($"{link.Name}: subfunction {subfunction.SfNumber} of {subfunction.Device}, {link.Mac}");
            }
            catch (LinuxException e)
            {
                error.WriteLine($"inframanager: Subfunctions:{name}: {e.Message}");
                done = false;
            }
        }

        return done;
    }
}
