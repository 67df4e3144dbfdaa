using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>inframanager certs: this device's key never leaves it; a request goes out, a certificate comes in.</summary>
internal static class CertsCommand
{
    public static Command Create(Option<string?> config) => new("certs", "This device's identity: key, certificate request, certificate") { Request(config), Install(config) };

    private static Command Request(Option<string?> config)
    {
        var names = new Option<string[]>("--name")
        {
            Description = "A DNS name or an address of this ACC, once for each; the first is the common name. Default: accoffload-acc and the host name",
            HelpName = "NAME",
        };
        var command = new Command("request", "Makes the key of Api:KeyFile if there is none, writes a request beside it, and prints it") { names };
        command.SetAction(parsed => Guard(parsed, config, settings =>
        {
            var given = parsed.GetValue(names) is { Length: > 0 } some ? some : [DeviceIdentity.DefaultName, Environment.MachineName];
            parsed.InvocationConfiguration.Output.WriteLine(new DeviceIdentity(settings.Api).Request(given));
        }));
        return command;
    }

    private static Command Install(Option<string?> config)
    {
        var certificate = new Option<string>("--certificate") { Description = "The certificate that was issued, PEM, with its intermediates", HelpName = "FILE", Required = true };
        var authorities = new Option<string>("--ca") { Description = "The authorities of this server and its clients, PEM", HelpName = "FILE", Required = true };
        var command = new Command("install", "Checks a certificate against key, role and authorities, and puts it into place; a running service uses it at once") { certificate, authorities };
        command.SetAction(parsed => Guard(parsed, config, settings =>
        {
            var line = new DeviceIdentity(settings.Api).Install(parsed.GetValue(certificate)!, parsed.GetValue(authorities)!, TimeProvider.System.GetUtcNow());
            parsed.InvocationConfiguration.Output.WriteLine(line);
        }));
        return command;
    }

    private static int Guard(ParseResult parsed, Option<string?> config, Action<Settings> action)
    {
        var error = parsed.InvocationConfiguration.Error;
        try
        {
            // The files that Api names may not be there yet: that is what this command is for.
            action(SettingsLoader.Load(parsed.GetValue(config), Environment.GetEnvironmentVariables(), ["Api"]));
            return 0;
        }
        catch (ConfigurationException e)
        {
            error.WriteLine(e.Message);
            return ConfigurationException.ExitCode;
        }
        catch (CertificateFileException e)
        {
            error.WriteLine($"inframanager certs: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error.WriteLine($"inframanager certs: {e.Message}; run it as root, or as the service's user");
            return 1;
        }
    }
}
