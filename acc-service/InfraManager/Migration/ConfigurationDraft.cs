using System.Net;
using System.Text.Json;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Migration;

/// <summary>Our configuration for a node that 24.01's manager served.</summary>
internal static class ConfigurationDraft
{
    /// <summary>The address of the host's interface in every 24.01 node.</summary>
    private const string HostAddress = "200.1.1.2";

    private const string DefaultStore = "/var/lib/accoffload/inframanager.db";

    /// <summary>Builds the configuration as JSON text.</summary>
    /// <param name="config">24.01's configuration.</param>
    /// <param name="node">What its databases say about the node.</param>
    /// <param name="options">What it reads elsewhere.</param>
    /// <param name="fingerprint">The agent's certificate; null if it is unknown.</param>
    /// <param name="remarks">Learns what has to be done by hand.</param>
    /// <exception cref="MigrationException">Something required is missing.</exception>
    public static byte[] Create(
        ManagerConfig config, ImportedNode node, MigrationOptions options, string? fingerprint, Remarks remarks)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            WriteNode(json, config, node, options, remarks);
            WriteApi(json, config, options, fingerprint, remarks);
            WriteTarget(json, config, options);
            WritePipeline(json, config, options, remarks);
            WriteValue(json, "Services", "Source", "agent");
            if (options.Store != DefaultStore)
            {
                WriteValue(json, "Store", "Path", options.Store);
            }

            WriteValue(json, "Logging", "Level", config.LogLevel);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteNode(
        Utf8JsonWriter json, ManagerConfig config, ImportedNode node, MigrationOptions options, Remarks remarks)
    {
        json.WriteStartObject("Node");
        json.WriteString("Name", options.Node);
        WriteList(json, "PodRanges", options.PodRanges);
        if (node.NodeAddress is { } address)
        {
            WriteList(json, "NodeAddresses", [address.ToString()]);
        }
        else
        {
            remarks.Add("the node's address is unknown, so Node:NodeAddresses is left out: give it with --node-address");
        }

        WriteList(json, "HostAddresses", [node.Host?.Address.ToString() ?? HostAddress]);
        WriteList(json, "VirtualRanges", options.ServiceRanges);
        if ((node.GatewayMac ?? config.ArpMac) is { } mac)
        {
            json.WriteString("GatewayMac", mac.ToString());
        }
        else if (!config.IsTap)
        {
            throw new MigrationException(
                $"{options.ConfigFile}: InfraManager.arp-mac is missing, and the databases have no gateway: set it "
                + "to the MAC address of the ARP responder's interface");
        }

        if (node.GatewayMac is { } current && config.ArpMac is { } configured && !current.Equals(configured))
        {
            remarks.Add($"InfraManager.arp-mac is {configured}, but the target's rows have {current}, which is printed as Node:GatewayMac");
        }

        json.WriteEndObject();
    }

    private static void WriteApi(
        Utf8JsonWriter json, ManagerConfig config, MigrationOptions options, string? fingerprint, Remarks remarks)
    {
        json.WriteStartObject("Api");
        json.WriteString("Listen", config.Listen.ToString());
        // On a loopback address the agent runs on this machine.
        if (IPAddress.IsLoopback(config.Listen.Address))
        {
            json.WriteString("HealthListen", AgentHealthPort.FreeAddress);
            remarks.Add(
                $"Api:HealthListen is {AgentHealthPort.FreeAddress}: 24.01's agent on this machine has port {AgentHealthPort.Number}");
        }

        json.WriteString("CertificateFile", config.ServerCertificate);
        json.WriteString("KeyFile", config.ServerKey);
        json.WriteString("CaFile", config.Ca);
        if (fingerprint is not null)
        {
            json.WriteStartObject("FingerprintRoles");
            json.WriteString(fingerprint, $"{CertificateRoles.Host}{options.Node}");
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteTarget(Utf8JsonWriter json, ManagerConfig config, MigrationOptions options)
    {
        json.WriteStartObject("Target");
        json.WriteString("Kind", "external");
        json.WriteString("P4Runtime", Address(config.P4Runtime));
        json.WriteString("Gnmi", Address(config.Gnmi));
        json.WriteNumber("DeviceId", config.DeviceId);
        json.WriteString("CertificateFile", config.ClientCertificate);
        json.WriteString("KeyFile", config.ClientKey);
        json.WriteString("CaFile", config.TargetCa);
        if (!config.IsTap)
        {
            json.WriteString("PortRule", "mac");
        }
        else if (options.Taps == 0)
        {
            throw new MigrationException($"InterfaceType is tap: give the number of TAPs, which was the argument of 24.01's "
                + "create_interfaces.sh, with --taps");
        }
        else
        {
            WriteList(json, "Ports", Enumerable.Range(0, options.Taps).Select(i => $"P4TAP_{i}"));
            json.WriteBoolean("MakePorts", false);
        }

        json.WriteEndObject();
    }

    private static void WritePipeline(Utf8JsonWriter json, ManagerConfig config, MigrationOptions options, Remarks remarks)
    {
        json.WriteStartObject("Pipeline");
        json.WriteString("Profile", config.IsTap ? "dpdk-24.01" : "es2k-24.01");
        if (File.Exists(options.Package))
        {
            json.WriteString("Package", Path.GetFullPath(options.Package));
        }
        else
        {
            remarks.Add(
                $"{options.Package} does not exist here, so Pipeline:Package is left out, and nobody loads the pipeline after a "
                + "restart of infrap4d: copy k8s_dp.pb.bin and p4Info.txt from the image of 24.01's manager, and name the first with "
                + "--package");
        }

        json.WriteEndObject();
    }

    // A unix socket is how the soft target is reached.
    private static string Address(string text) => text.StartsWith("unix:", StringComparison.Ordinal) ? text : $"https://{text}";

    private static void WriteList(Utf8JsonWriter json, string key, IEnumerable<string> values)
    {
        json.WriteStartArray(key);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter json, string section, string key, string value)
    {
        json.WriteStartObject(section);
        json.WriteString(key, value);
        json.WriteEndObject();
    }
}
