using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.InfraManager.Vports;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>
/// inframanager prepare: creates the soft target's port namespace, the ACC's own subfunctions, and the exception interface in its
/// namespace. A separate unit runs it outside the service's sandbox, so that the namespaces' mounts are visible to all processes.
/// </summary>
internal static class PrepareCommand
{
    private static readonly TimeSpan ActivationTimeout = TimeSpan.FromSeconds(30);

    public static Command Create(Option<string?> config)
    {
        var command = new Command(
            "prepare", "Creates the soft target's port namespace, the ACC's own subfunctions and its interface to the uplink");
        command.SetAction(
            parsed => Run(parsed.GetValue(config), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error));
        return command;
    }

    private static int Run(string? file, TextWriter output, TextWriter error)
    {
        try
        {
            var settings = SettingsLoader.Load(
                file, Environment.GetEnvironmentVariables(), ["SoftTarget", "Subfunctions", "Target:Kind", "Node:Uplink"]);
            var path = settings.SoftTarget.PortNamespace;
            if (!IsNamed("SoftTarget:PortNamespace", path, error)
                || (settings.Node.Uplink?.Exception is { } exception
                    && !IsNamed("Node:Uplink:Exception:Namespace", exception.Namespace, error)))
            {
                return ConfigurationException.ExitCode;
            }

            NetNamespace.OpenOrCreateNamed(Path.GetFileName(path)).Dispose();
            // An exception interface may be a subfunction.
            var succeeded = EnsureSubfunctions(settings.Subfunctions, output, error);
            return EnsureExceptionLink(settings, output, error) && succeeded ? 0 : 1;
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

    private static bool IsNamed(string key, string path, TextWriter error)
    {
        if (Path.GetDirectoryName(path) == NetNamespace.NamedDirectory)
        {
            return true;
        }

        error.WriteLine($"inframanager: {key} = {path}: cannot create namespaces outside {NetNamespace.NamedDirectory}; create it by hand");
        return false;
    }

    private static bool EnsureExceptionLink(Settings settings, TextWriter output, TextWriter error)
    {
        if (settings.Node.Uplink is not { Exception: { } exception } uplink)
        {
            return true;
        }

        try
        {
            var isEmbedded = settings.Target.Kind == TargetKind.Embedded;
            var exists = new ExceptionLink(uplink, isEmbedded ? settings.SoftTarget.PortNamespace : null).Ensure(createNamespaces: true);
            output.WriteLine(exists
                ? $"{exception.Interface}: port {exception.Port}, in {exception.Namespace}"
                : $"{exception.Interface}: does not exist yet; inframanager moves it to {exception.Namespace} when the target has made it");
            return true;
        }
        catch (LinuxException e)
        {
            error.WriteLine($"inframanager: Node:Uplink:Exception: {e.Message}");
            return false;
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
