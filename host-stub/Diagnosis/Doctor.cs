using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ACCOffload.Daemon;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.Protos.V1;
using Grpc.Core;

namespace ACCOffload.HostStub.Diagnosis;

/// <summary>Checks all preconditions on the host without changing anything. The agent need not be running.</summary>
/// <param name="config">The agent's configuration.</param>
/// <param name="configurationFolder">Where the runtime looks for network configurations.</param>
/// <param name="pluginFolders">Where the runtime looks for plugins.</param>
/// <param name="hardware">The host's buses.</param>
/// <param name="time">The clock.</param>
internal sealed partial class Doctor(
    AgentConfig config, string configurationFolder, IReadOnlyList<string> pluginFolders, HostHardware hardware, TimeProvider time)
{
    private const string Plugin = "accoffload";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public DoctorReport Examine()
    {
        var report = new DoctorReport();
        report.Check("clock", () => report.CheckClock(time.GetUtcNow(), File.GetLastWriteTimeUtc(Environment.ProcessPath!)));
        report.Check("agent", () => Agent(report));
        report.Check("certificate", () => Acc(report));
        report.Check("ports", () => Ports(report));
        report.Check("kernel", () => Kernel(report));
        report.Check("device", () => Functions(report));
        report.Check("device", () => Parent(report));
        report.Check("device", () => VirtualFunctions(report));
        report.Check("device", () => Subfunctions(report));
        report.Check("CNI", () => Network(report));
        if (config.HostInterface.Enabled)
        {
            report.Check("host", () => HostInterface(report));
        }

        return report;
    }

    private void Agent(DoctorReport report)
    {
        try
        {
            var response = AgentSocket.Ask(config.Socket, AgentRequest.Encode(AgentRequestKind.Status, [], default), Limit);
            using var status = JsonDocument.Parse(response.Output);
            if (response.ExitCode != 0)
            {
                report.Wrong("agent", status.RootElement.GetProperty("msg").GetString() ?? "", "journalctl --unit host-stub-agent");
                return;
            }

            var isReady = status.RootElement.GetProperty("acc").GetProperty("ready").GetBoolean();
            if (!isReady)
            {
                report.Wrong(
                    "agent",
                    $"it answers on {config.Socket}, but can't attach pods",
                    "host-stub status shows why; journalctl --unit host-stub-agent");
            }

            var conditions = status.RootElement.GetProperty("conditions").EnumerateArray();
            foreach (var condition in conditions.Where(c => !c.GetProperty("ok").GetBoolean()))
            {
                report.Wrong(
                    "agent",
                    $"{condition.GetProperty("name").GetString()}: {condition.GetProperty("reason").GetString()}",
                    "docs/troubleshooting.md, Conditions");
            }

            if (isReady)
            {
                report.Right(
                    "agent", $"{config.Socket}: ready, {status.RootElement.GetProperty("attachments").GetArrayLength()} attachments");
            }
        }
        catch (Exception e) when (e is AgentUnavailableException or FrameException)
        {
            report.Wrong("agent", e.Message, "systemctl start host-stub-agent; journalctl --unit host-stub-agent");
        }
    }

    private void Acc(DoctorReport report)
    {
        AccCredentials credentials;
        try
        {
            credentials = AccCredentials.Load(config.Acc, time);
        }
        catch (AccException e)
        {
            report.Wrong(
                "certificate",
                e.Message,
                "make certs NODE=<this node's name>; copy the files in host-client/ to Acc:CertificateFile, :KeyFile and :CaFile");
            return;
        }
        // The connection owns the credentials from here on.
        using var connection = new AccConnection(config.Acc, credentials);
        using var leaf = X509CertificateLoader.LoadCertificateFromFile(config.Acc.CertificateFile);
        report.CheckExpiry("certificate", config.Acc.CertificateFile, leaf.NotAfter.ToUniversalTime(), time.GetUtcNow());
        report.CheckKeyMode("certificate", config.Acc.KeyFile);
        Ask(report, connection);
    }

    // Sends the agent's own request: only the ACC knows whether it accepts this host's certificate.
    private void Ask(DoctorReport report, AccConnection connection)
    {
        var address = config.Acc.Address;
        try
        {
            var reply = connection.Client.Status(new StatusRequest(), deadline: DateTime.UtcNow + Limit);
            report.Right("ACC", $"{address}: reached, both certificates are accepted; version {reply.Version}");
            foreach (var condition in reply.Conditions.Where(c => !c.Ok))
            {
                report.Wrong(
                    "ACC", $"{condition.Name}: {ConfigurationError.OneLine(condition.Reason)}", "'inframanager doctor' on the ACC");
            }

            if (!reply.Ready && reply.Conditions.Count == 0)
            {
                report.Doubt(
                    "ACC", $"it can't attach pods now: {ConfigurationError.OneLine(reply.Reason)}", "'inframanager doctor' on the ACC");
            }
        }
        catch (RpcException) when (connection.Refusal is { } refusal)
        {
            report.Wrong("ACC", refusal, "the ACC's certificate must be signed by the same CA, with the name in Acc:ServerName");
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.PermissionDenied or StatusCode.Unauthenticated)
        {
            report.Wrong(
                "ACC",
                $"{address} refuses this host's certificate: {ConfigurationError.OneLine(e.Status.Detail)}",
                $"{config.Acc.CertificateFile} must have the role host:NODE of the node that the ACC serves (Node:Name there): make "
                    + "certs NODE=<that name>");
        }
        catch (RpcException e)
        {
            var reason = e.StatusCode == StatusCode.DeadlineExceeded
                ? $"no response within {Limit.TotalSeconds:0} s"
                : ConfigurationError.OneLine(connection.Explain(e));
            report.Wrong(
                "ACC",
                $"{address} can't be reached ({reason})",
                "check Acc:Address, the network, and run 'inframanager doctor' on the ACC");
        }
    }

    private void Ports(DoctorReport report)
    {
        if (!File.Exists(config.PortNamespace))
        {
            report.Wrong("ports", $"{config.PortNamespace} does not exist", "systemctl start host-stub-ports (host-stub prepare)");
            return;
        }
        using var ports = NetNamespace.Open(config.PortNamespace);
        using var links = RouteNetlink.Open(ports);
        report.Right("ports", $"{config.PortNamespace}: {links.GetLinks().Count(l => l.Kind == "veth")} ports");
    }

    private void Network(DoctorReport report)
    {
        // A runtime uses the first file, sorted by name.
        var first = Directory.Exists(configurationFolder)
            ? Directory.GetFiles(configurationFolder).Where(f => Path.GetExtension(f) is ".conflist" or ".conf" or ".json")
                .Order(StringComparer.Ordinal).FirstOrDefault()
            : null;
        if (first is null)
        {
            report.Wrong(
                "CNI",
                $"there is no network in {configurationFolder}",
                "copy /usr/share/accoffload/10-accoffload.conflist there, and set this node's range");
        }
        else
        {
            Network(report, first);
        }

        foreach (var folder in pluginFolders)
        {
            if (File.Exists(Path.Combine(folder, Plugin)))
            {
                report.Right("CNI", $"{Path.Combine(folder, Plugin)} is the plugin");
                return;
            }
        }
        report.Wrong(
            "CNI",
            $"there is no plugin '{Plugin}' in {string.Join(", ", pluginFolders)}",
            "link host-stub there under that name, or give the runtime's folder with --plugins");
    }

    private void Network(DoctorReport report, string file)
    {
        try
        {
            using var network = JsonDocument.Parse(File.ReadAllBytes(file));
            var plugins = network.RootElement.TryGetProperty("plugins", out var list)
                ? list.EnumerateArray().ToList()
                : [network.RootElement];
            if (!plugins.Exists(p => CniJson.String(p, "type", "plugins.") == Plugin))
            {
                report.Wrong(
                    "CNI",
                    $"{file} comes first and is another network",
                    $"runtimes use the first file in {configurationFolder} by name: remove it, or rename one");
                return;
            }
            var ours = plugins.Find(p => CniJson.String(p, "type", "plugins.") == Plugin);
            var socket = CniJson.String(ours, "socket", "") is { Length: > 0 } named ? named : CniNetworkHeader.DefaultSocket;
            if (socket != config.Socket)
            {
                report.Wrong(
                    "CNI",
                    $"{file} uses {socket}, but the agent serves {config.Socket}",
                    "set both to the same path (\"socket\", Agent:Socket)");
            }

            var ipam = CniJson.Object(ours, "ipam", "") is { } section ? CniJson.String(section, "type", "ipam.") : "";
            if (ipam.Length > 0 && !pluginFolders.Any(folder => File.Exists(Path.Combine(folder, ipam))))
            {
                report.Wrong(
                    "CNI",
                    $"{file} delegates addresses to '{ipam}', which is not in {string.Join(", ", pluginFolders)}",
                    "install the CNI plugins (containernetworking-plugins)");
            }

            report.Right("CNI", $"{file} is the pod network");
        }
        catch (JsonException e)
        {
            report.Wrong("CNI", $"{file} is not JSON: {ConfigurationError.OneLine(e.Message)}", "repair or remove it");
        }
        catch (CniException e)
        {
            report.Wrong("CNI", $"{file}: {ConfigurationError.OneLine(e.OneLine)}", "repair or remove it");
        }
    }

    private void HostInterface(DoctorReport report)
    {
        using var links = RouteNetlink.Open();
        if (links.GetLink(config.HostInterface.Name) is not { } link)
        {
            report.Wrong(
                "host", $"there is no interface {config.HostInterface.Name}", "the agent creates it as soon as the ACC is reachable");
        }
        else if (!link.IsUp)
        {
            report.Wrong("host", $"{config.HostInterface.Name} is down", $"ip link set {config.HostInterface.Name} up");
        }
        else
        {
            report.Right("host", $"{config.HostInterface.Name} is up");
        }
    }
}
