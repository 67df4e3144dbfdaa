using System.CommandLine;
using System.Net;
using System.Text;
using ACCOffload.InfraManager.Migration;
using ACCOffload.InfraManager.Store;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>
/// inframanager migrate: takes over a node from the manager of IPDK Kubernetes Infrastructure Offload 24.01. The configuration goes to
/// standard output, remarks to standard error. docs/migration.md has the whole procedure.
/// </summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var config = File("--from-config", "24.01's configuration of the manager", "/etc/infra/inframanager-config.yaml");
        var folder = File("--from-db", "Folder of 24.01's databases", "/var/lib/cni/inframanager", "DIRECTORY");
        var endpoints = Optional("--cni-db", "24.01's endpoints; default: cni_db.json in the folder of databases");
        var services = Optional("--services-db", "24.01's services; default: services_db.json in the folder of databases");
        var agent = File("--agent-folder", "Folder, or a copy of it, where 24.01's agent remembers pods' devices",
            "/var/lib/cni/infraagent", "DIRECTORY");
        var certificate = File("--agent-certificate", "Client certificate of 24.01's agent", "/etc/pki/infraagent/client/tls.crt");
        var package = File("--package", "24.01's package for the target", "/share/infra/k8s_dp/k8s_dp.pb.bin");
        var store = File("--store", "The new database", "/var/lib/accoffload/inframanager.db");
        var node = new Option<string>("--node") { Description = "The node's name in Kubernetes", HelpName = "NAME", Required = true };
        var pods = Ranges("--pod-range", "Range of the node's pods; can be repeated");
        var virtuals = Ranges("--service-range", "Service range of the cluster; can be repeated");
        var address = new Option<string?>("--node-address")
        {
            Description = "The node's address, if the databases do not tell it",
            HelpName = "IP",
        };
        var taps = new Option<int>("--taps")
        {
            Description = "With interface type tap: the number of TAPs that create_interfaces.sh made",
            HelpName = "N",
        };
        var skip = new Option<string[]>("--skip")
        {
            Description = "Address of an endpoint to leave out, because its pod is gone; can be repeated",
            HelpName = "IP",
        };
        var dry = new Option<bool>("--dry-run") { Description = "Write no database" };
        var command = new Command(
            "migrate", "Takes over a node from the manager of release 24.01: prints our configuration, writes a database")
        {
            config, node, pods, virtuals, address, taps, folder, endpoints, services, agent, certificate, package, skip, store, dry,
        };
        command.SetAction(parsed => Guard(parsed, () => Run(parsed, new MigrationOptions
        {
            ConfigFile = parsed.GetValue(config)!,
            DatabaseFolder = parsed.GetValue(folder)!,
            EndpointFile = parsed.GetValue(endpoints),
            ServiceFile = parsed.GetValue(services),
            AgentFolder = parsed.GetValue(agent)!,
            AgentCertificate = parsed.GetValue(certificate)!,
            Package = parsed.GetValue(package)!,
            Store = Path.GetFullPath(parsed.GetValue(store)!),
            Node = parsed.GetValue(node)!,
            PodRanges = parsed.GetValue(pods)!,
            ServiceRanges = parsed.GetValue(virtuals)!,
            NodeAddress = parsed.GetValue(address) is { } text ? Address("--node-address", text) : null,
            Taps = parsed.GetValue(taps),
            Skipped = [.. (parsed.GetValue(skip) ?? []).Select(s => Address("--skip", s))],
            IsDryRun = parsed.GetValue(dry),
        })));
        return command;
    }

    private static void Run(ParseResult parsed, MigrationOptions options)
    {
        var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
        var migration = NodeMigration.Read(options, TimeProvider.System);
        if (!options.IsDryRun)
        {
            migration.WriteStore(options.Store);
        }

        output.WriteLine(Encoding.UTF8.GetString(migration.Configuration));
        foreach (var remark in migration.Remarks)
        {
            error.WriteLine($"remark: {remark}");
        }

        error.WriteLine($"{(options.IsDryRun ? "would be taken over" : $"written to {options.Store}")}: {migration.Summary}");
    }

    private static int Guard(ParseResult parsed, Action action)
    {
        var error = parsed.InvocationConfiguration.Error;
        try
        {
            action();
            return 0;
        }
        catch (ConfigurationException e)
        {
            error.WriteLine(e.Message);
            return ConfigurationException.ExitCode;
        }
        catch (Exception e) when (e is MigrationException or StoreException)
        {
            error.WriteLine($"inframanager migrate: {e.Message}");
            return 1;
        }
        catch (LinuxException e)
        {
            error.WriteLine($"inframanager migrate: {e.Message}; run it as root");
            return 1;
        }
    }

    private static IPAddress Address(string option, string text) => IpText.TryParse(text, out var address)
        ? address
        : throw new MigrationException($"{option} {ConfigurationError.OneLine(text)}: not an IP address");

    private static Option<string> File(string name, string description, string fallback, string help = "FILE") => new(name)
    {
        Description = $"{description}; default: {fallback}",
        HelpName = help,
        DefaultValueFactory = _ => fallback,
    };

    private static Option<string?> Optional(string name, string description) => new(name) { Description = description, HelpName = "FILE" };

    private static Option<string[]> Ranges(string name, string description) =>
        new(name) { Description = description, HelpName = "CIDR", Required = true };
}
