using System.Globalization;
using System.Net;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Migration;

/// <summary>The configuration of 24.01's manager (<c>inframanager-config.yaml</c>), with that release's defaults.</summary>
internal sealed record ManagerConfig
{
    private const int MaxFileBytes = 1 << 20;
    private const string ClientFolder = "/etc/pki/inframanager/client";
    private const string ServerFolder = "/etc/pki/inframanager/server";

    // 24.01 connects to infrap4d with the manager's own client certificate.
    private static readonly string[] IgnoredByConnections = ["client-cert", "client-key"];
    private static readonly string[] Overwritten = ["P4InfoPath", "P4BinPath", "NodeIP"];

    public required string P4Runtime { get; init; }

    public required string Gnmi { get; init; }

    /// <summary>The authority of infrap4d's certificate.</summary>
    public required string TargetCa { get; init; }

    public required IPEndPoint Listen { get; init; }

    /// <summary>The MAC address of the ARP responder; null if none is configured.</summary>
    public required MacAddress? ArpMac { get; init; }

    public required string ServerCertificate { get; init; }

    public required string ServerKey { get; init; }

    public required string ClientCertificate { get; init; }

    public required string ClientKey { get; init; }

    public required string Ca { get; init; }

    /// <summary>Whether pods have TAPs of P4-DPDK; otherwise functions of an E2100.</summary>
    public required bool IsTap { get; init; }

    public required ulong DeviceId { get; init; }

    /// <summary>The level as our configuration names it.</summary>
    public required string LogLevel { get; init; }

    /// <summary>Reads the file. Whatever has no counterpart becomes a remark.</summary>
    /// <exception cref="MigrationException">The file cannot be read, or a value is invalid.</exception>
    public static ManagerConfig Read(string file, Remarks remarks)
    {
        var root = new YamlSection(file, "", Parse(file));
        var grpc = root.Section("Infrap4dGrpcServer");
        var gnmi = root.Section("Infrap4dGnmiServer");
        var manager = root.Section("InfraManager");
        CheckConnection(grpc, "Infrap4dGrpcServer.conn", remarks);
        CheckConnection(gnmi, "Infrap4dGnmiServer.conn", remarks);
        CheckConnection(manager, "InfraManager.conn", remarks);
        foreach (var (section, name) in new[] { (grpc, "Infrap4dGrpcServer"), (gnmi, "Infrap4dGnmiServer") })
        {
            foreach (var key in IgnoredByConnections.Where(section.Has))
            {
                remarks.Add($"{name}.{key} is left out: 24.01 reads it, but connects with InfraManager.{key}");
            }
        }

        var ca = grpc.Text("ca-cert") ?? $"{ClientFolder}/ca.crt";
        if ((gnmi.Text("ca-cert") ?? $"{ClientFolder}/ca.crt") is var gnmiCa && gnmiCa != ca)
        {
            remarks.Add($"Infrap4dGnmiServer.ca-cert is left out: Target:CaFile is for both servers; append {gnmiCa} to {ca}");
        }

        if (manager.Has("ciphersuites"))
        {
            remarks.Add("InfraManager.ciphersuites is left out: the API is served with TLS 1.3 only, and the agent supports it");
        }

        foreach (var key in Overwritten.Where(root.Has))
        {
            remarks.Add($"{key} is left out: 24.01 overwrites it");
        }

        var config = new ManagerConfig
        {
            P4Runtime = grpc.Text("addr") ?? "localhost:9559",
            Gnmi = gnmi.Text("addr") ?? "localhost:9339",
            TargetCa = ca,
            Listen = ParseListen(file, manager.Text("addr") ?? "localhost:50002"),
            ArpMac = ParseArpMac(file, manager.Text("arp-mac")),
            ServerCertificate = manager.Text("server-cert") ?? $"{ServerFolder}/tls.crt",
            ServerKey = manager.Text("server-key") ?? $"{ServerFolder}/tls.key",
            ClientCertificate = manager.Text("client-cert") ?? $"{ClientFolder}/tls.crt",
            ClientKey = manager.Text("client-key") ?? $"{ClientFolder}/tls.key",
            Ca = manager.Text("ca-cert") ?? $"{ClientFolder}/ca.crt",
            IsTap = ParseInterfaceType(file, root.Text("InterfaceType") ?? "cdq"),
            DeviceId = ParseDeviceId(file, root.Text("DeviceId"), remarks),
            LogLevel = ParseLevel(root.Text("LogLevel") ?? "Debug", remarks),
        };
        foreach (var key in new[] { root, grpc, gnmi, manager }.SelectMany(s => s.Unknown))
        {
            remarks.Add($"{key} is left out: it is unknown, also to 24.01");
        }

        return config;
    }

    private static object? Parse(string file)
    {
        try
        {
            if (new FileInfo(file).Length > MaxFileBytes)
            {
                throw new MigrationException($"{file} is larger than {MaxFileBytes} bytes; give 24.01's inframanager-config.yaml");
            }

            return YamlTree.Parse(File.ReadAllText(file));
        }
        catch (FormatException e)
        {
            throw new MigrationException($"{file}: {e.Message}; give 24.01's inframanager-config.yaml", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException($"{file} cannot be read: {e.Message.ReplaceLineEndings(" ")}; name it with --from-config", e);
        }
    }

    private static void CheckConnection(YamlSection section, string name, Remarks remarks)
    {
        if (section.Text("conn") is { } kind && !string.Equals(kind, "mtls", StringComparison.OrdinalIgnoreCase))
        {
            remarks.Add($"{name} is \"{ConfigurationError.OneLine(kind)}\": InfraManager speaks mutual TLS only, so both sides need "
                + "certificates (make certs)");
        }
    }

    // Go listens on the address that the name resolves to.
    private static IPEndPoint ParseListen(string file, string text)
    {
        const string Local = "localhost:";
        var numeric = text.StartsWith(Local, StringComparison.OrdinalIgnoreCase) ? $"127.0.0.1:{text[Local.Length..]}" : text;
        return Parsers.EndPoint(numeric, out var listen) is { } problem
            ? throw new MigrationException(
                $"{file}: InfraManager.addr = \"{ConfigurationError.OneLine(text)}\" {problem}; put the address of "
                + "this machine in its place, such as 10.10.0.2:50002")
            : listen;
    }

    private static MacAddress? ParseArpMac(string file, string? text) => text is null ? null
        : NodeParsers.Mac(text, out var mac) is { } problem
            ? throw new MigrationException($"{file}: InfraManager.arp-mac = \"{ConfigurationError.OneLine(text)}\" {problem}")
            : mac;

    private static bool ParseInterfaceType(string file, string text) => text switch
    {
        "tap" => true,
        "cdq" or "sriov" => false,
        _ => throw new MigrationException($"{file}: InterfaceType = \"{ConfigurationError.OneLine(text)}\" is not tap, cdq or sriov"),
    };

    private static ulong ParseDeviceId(string file, string? text, Remarks remarks)
    {
        if (text is null)
        {
            remarks.Add("DeviceId is missing: 24.01 uses 0 then, which infrap4d refuses; Target:DeviceId is 1");
            return 1;
        }

        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id is > 0 and <= long.MaxValue
            ? id
            : throw new MigrationException($"{file}: DeviceId = \"{ConfigurationError.OneLine(text)}\" is not a device number from 1");
    }

    private static string ParseLevel(string text, Remarks remarks)
    {
        switch (text)
        {
            case "Trace" or "Debug" or "Error":
                return text;
            case "Info":
                return "Information";
            case "Warn":
                return "Warning";
            case "Fatal" or "Panic":
                return "Critical";
            default:
                remarks.Add($"LogLevel = \"{ConfigurationError.OneLine(text)}\" is unknown: 24.01 takes it for Debug");
                return "Debug";
        }
    }
}
