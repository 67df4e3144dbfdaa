using System.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Security;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>
/// inframanager certs: creates a certificate request and installs the issued certificate; the key never leaves the machine.
/// </summary>
internal static class CertsCommand
{
    public static Command Create(Option<string?> config) =>
        new("certs", "Manages the key and the certificate of this ACC") { Request(config), Install(config) };

    private static Command Request(Option<string?> config)
    {
        var names = new Option<string[]>("--name")
        {
            Description = "DNS name or IP address of this ACC; can be repeated, the first is the common name; "
                + "default: accoffload-acc and the host name",
            HelpName = "NAME",
        };
        var command =
            new Command("request", "Creates the key Api:KeyFile if missing, and writes and prints a certificate request") { names };
        command.SetAction(parsed => Guard(parsed, config, settings =>
        {
            var given = parsed.GetValue(names) is { Length: > 0 } some ? some : [DeviceIdentity.DefaultName, Environment.MachineName];
            parsed.InvocationConfiguration.Output.WriteLine(new DeviceIdentity(settings.Api).Request(given));
        }));
        return command;
    }

    private static Command Install(Option<string?> config)
    {
        var certificate = new Option<string>("--certificate")
        {
            Description = "Issued certificate with its intermediates (PEM)",
            HelpName = "FILE",
            Required = true,
        };
        var authorities = new Option<string>("--ca")
        {
            Description = "CAs of this server and its clients (PEM)",
            HelpName = "FILE",
            Required = true,
        };
        var command = new Command("install", "Verifies a certificate and installs it; a running service uses it immediately")
        {
            certificate,
            authorities,
        };
        command.SetAction(parsed => Guard(parsed, config, settings =>
        {
            var line = new DeviceIdentity(settings.Api)
                .Install(parsed.GetValue(certificate)!, parsed.GetValue(authorities)!, TimeProvider.System.GetUtcNow());
            parsed.InvocationConfiguration.Output.WriteLine(line);
        }));
        return command;
    }

    private static int Guard(ParseResult parsed, Option<string?> config, Action<Settings> action)
    {
        var error = parsed.InvocationConfiguration.Error;
        try
        {
            // Only the section Api is validated: its files may not exist yet.
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
