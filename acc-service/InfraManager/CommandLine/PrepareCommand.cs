using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Vports;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>
/// inframanager prepare: creates the soft target's port namespace and the ACC's own subfunctions. A separate unit runs it outside the
/// service's sandbox, so that the namespace's mount is visible to all processes.
/// </summary>
internal static class PrepareCommand
{
    private static readonly TimeSpan ActivationTimeout = TimeSpan.FromSeconds(30);

    public static Command Create(Option<string?> config)
    {
        var command = new Command("prepare", "Creates the soft target's port namespace and the ACC's own subfunctions");
        command.SetAction(
            parsed => Run(parsed.GetValue(config), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error));
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
                error.WriteLine(
                    $"inframanager: SoftTarget:PortNamespace = {path}: cannot create namespaces outside /run/netns; create it by hand");
                return ConfigurationException.ExitCode;
            }
            NetNamespace.OpenOrCreateNamed(Path.GetFileName(path)).Dispose();
            return EnsureSubfunctions(settings.Subfunctions, output, error) ? 0 : 1;
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

    /// <summary>Ensures that all subfunctions exist; a failure does not affect the others.</summary>
    private static bool EnsureSubfunctions(IReadOnlyDictionary<string, SubfunctionSettings> wanted, TextWriter output, TextWriter error)
    {
        if (wanted.Count == 0)
        {
            return true;
        }

        using var devlink = DevlinkClient.Open();
        using var route = RouteNetlink.Open();
        var provisioner = new SubfunctionProvisioner(devlink, route, EthtoolSettings.SetQueues, ActivationTimeout);
        var succeeded = true;
        foreach (var (name, subfunction) in wanted.OrderBy(w => w.Key, StringComparer.Ordinal))
        {
            try
            {
                var link = provisioner.Ensure(name, subfunction, CancellationToken.None);
                output.WriteLine($"{link.Name}: subfunction {subfunction.SfNumber} of {subfunction.Device}, {link.Mac}");
            }
            catch (LinuxException e)
            {
                error.WriteLine($"inframanager: Subfunctions:{name}: {e.Message}");
                succeeded = false;
            }
        }

        return succeeded;
    }
}
