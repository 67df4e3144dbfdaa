using System.Collections;
using System.Net;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Logging;
using ACCOffload.Metrics;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Configuration;

/// <summary>Reads and checks the agent's configuration: all keys with their valid values and defaults.</summary>
internal static class AgentConfigReader
{
    public const string DefaultFile = "/etc/accoffload/host-stub.json";

    /// <summary>InfraManager's sections, on a machine that is both host and ACC.</summary>
    public static readonly IReadOnlyList<string> OtherSections =
    [
        "Node", "Api", "Target", "SoftTarget", "Pipeline", "Store", "Control", "Limits", "Kubernetes", "Services", "Policy", "Devices",
        "ArpProxy", "Subfunctions",
    ];

    private const string NamespaceDirectory = "/run/netns/";
    private const string PathRemedy = "give an absolute path";
    private const string RangeRemedy = "give numbers such as 0-7";
    private const string PortRemedy = "give the name of the port that all share on the target, or \"\" if each has its own";
    private const string MacRemedy = "give keep or random";

    /// <exception cref="ConfigurationException">The configuration is not valid; it has an error for each problem.</exception>
    public static AgentConfig Load(string path) => Load(path, Environment.GetEnvironmentVariables());

    /// <exception cref="ConfigurationException">The configuration is not valid; it has an error for each problem.</exception>
    public static AgentConfig Load(string path, IDictionary environment)
    {
        var reader = new ConfigurationReader(ConfigurationTree.Load(path, required: true, environment, OtherSections));
        var socket = reader.Value<string>("Agent:Socket", CniNetworkHeader.DefaultSocket, SocketPath, PathRemedy);
        var config = new AgentConfig
        {
            Acc = ReadAcc(reader),
            Socket = socket,
            Pending = reader.Value<string>("Agent:Pending", CniNetworkHeader.PendingFor(socket), Parsers.AbsolutePath, PathRemedy),
            VanishedGrace = TimeSpan.FromSeconds(reader.Number("Agent:VanishedSeconds", 60, 0, 86_400)),
            Store = reader.Value<string>("Agent:Store", "/var/lib/host-stub/agent.db", Parsers.AbsolutePath, PathRemedy),
            IpamTimeout = TimeSpan.FromSeconds(reader.Number("Agent:IpamTimeoutSeconds", 5, 1, 15)),
            AddTimeout = TimeSpan.FromSeconds(reader.Number("Agent:AddTimeoutSeconds", 8, 1, 30)),
            DeviceKind = reader.Value<string>("Device:Kind", "veth", DeviceKind, $"give {DeviceKinds.Names}"),
            DeviceLimit = (int)reader.Number("Device:Limit", 0, 0, ProtocolLimits.MaxAttachments),
            QuarantineTime = TimeSpan.FromSeconds(reader.Number("Device:SetAsideSeconds", 60, 1, 86_400)),
            Devices = new DeviceSettings(ReadIpvlan(reader), ReadVf(reader), ReadSf(reader)),
            PortNamespace = reader.Value<string>(
                "Device:PortNamespace", "/run/netns/accoffload-dp", PortNamespace, $"give a name below {NamespaceDirectory}"),
            Mtu = (int)reader.Number("Mtu", 1500, CniNetworkConfig.MinMtu, CniNetworkConfig.MaxMtu),
            HostInterface = ReadHostInterface(reader),
            Logging = LoggingSettings.Read(reader, LogFeature.All),
            Metrics = ReadMetrics(reader),
        };
        if (config.DeviceKind == "ipvlan" && config.Devices.Ipvlan.Parent.Length == 0)
        {
            reader.Fail("Device:Ipvlan:Parent", null, "is missing: Device:Kind is ipvlan", "give the link that all ipvlan pods share");
        }

        if (config.Devices.Ipvlan.Parent.Length > 0 && config.Devices.Ipvlan.Port.Length == 0)
        {
            reader.Fail("Device:Ipvlan:Port", null, "is missing: the parent is given", "give the name of the parent's port on the target");
        }

        if (config.DeviceKind == "vf" && config.Devices.Vf.PhysicalFunctions.Count == 0)
        {
            reader.Fail(
                "Device:Vf:PhysicalFunctions",
                null,
                "is missing: Device:Kind is vf",
                "name the physical functions by interface, PCI address or vendor:device");
        }

        if (config.DeviceKind == "sf" && config.Devices.Sf.Device is null)
        {
            reader.Fail("Device:Sf:Device", null, "is missing: Device:Kind is sf", "name the devlink device, such as pci/0000:01:00.0");
        }

        reader.RefuseUnknown();
        return reader.Errors.Count == 0 ? config : throw new ConfigurationException(reader.Errors);
    }

    private static AccConfig ReadAcc(ConfigurationReader reader) => new(
        reader.Value<Uri>("Acc:Address", "", AccAddress, "give https://HOST:PORT of the ACC"),
        reader.Value<string>("Acc:ServerName", "accoffload-acc", ServerName, "give the host name in the ACC's certificate"),
        reader.Value<string>("Acc:CertificateFile", "/etc/pki/infraagent/client/tls.crt", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Acc:KeyFile", "/etc/pki/infraagent/client/tls.key", Parsers.AbsolutePath, PathRemedy),
        reader.Value<string>("Acc:CaFile", "/etc/pki/infraagent/client/ca.crt", Parsers.AbsolutePath, PathRemedy))
    {
        StatusGrace = TimeSpan.FromSeconds(reader.Number("Acc:StatusGraceSeconds", 180, 0, 3600)),
    };

    private static MetricsConfig ReadMetrics(ConfigurationReader reader)
    {
        const string FileRemedy = "give the absolute path of a PEM file, as created by 'make certs', or listen on 127.0.0.1";
        var config = new MetricsConfig(
            MetricsListen.Read(reader),
            reader.Value<string?>("Metrics:CertificateFile", "", Parsers.OptionalPath, PathRemedy),
            reader.Value<string?>("Metrics:KeyFile", "", Parsers.OptionalPath, PathRemedy),
            reader.Value<string?>("Metrics:CaFile", "", Parsers.OptionalPath, PathRemedy));
        if (config.Listen is not { } listen || MetricsListen.IsLocal(listen))
        {
            return config;
        }

        foreach (var (key, file) in new[]
        {
            ("Metrics:CertificateFile", config.CertificateFile),
            ("Metrics:KeyFile", config.KeyFile),
            ("Metrics:CaFile", config.CaFile),
        })
        {
            if (file is null)
            {
                reader.Fail(
                    key,
                    null,
                    $"is missing: other hosts can reach {listen}, so metrics are served there only over mutual TLS",
                    FileRemedy);
            }
        }
        return config;
    }

    private static IpvlanConfig ReadIpvlan(ConfigurationReader reader) => new(
        reader.Value<string>("Device:Ipvlan:Parent", "", OptionalInterfaceName, "give the name of a link of the host, or \"\" for none"),
        reader.Value<string>("Device:Ipvlan:Port", "", OptionalPortName, "give the name of the parent's port on the target"));

    private static VfConfig ReadVf(ConfigurationReader reader) =>
        new(reader.List<string>(
            "Device:Vf:PhysicalFunctions", PhysicalFunction, "give an interface's name, a PCI address or vendor:device such as 8086:1452"))
        {
            Count = (int)reader.Number("Device:Vf:Count", 0, 0, 4096),
            Numbers = reader.Value<NumberRange>("Device:Vf:Numbers", "0-4095", NumberRange.Parse, RangeRemedy),
            Port = reader.Value<string>("Device:Vf:Port", "", OptionalPortName, PortRemedy),
            Mac = reader.Value<FunctionMac>("Device:Vf:Mac", "keep", Parsers.Name, MacRemedy),
            Vlan = Optional(reader, "Device:Vf:Vlan", 4094),
            Trust = OptionalFlag(reader, "Device:Vf:Trust"),
            SpoofCheck = OptionalFlag(reader, "Device:Vf:SpoofCheck"),
            MaxRate = Optional(reader, "Device:Vf:MaxRateMbit", 1_000_000),
        };

    private static SfConfig ReadSf(ConfigurationReader reader) =>
        new(reader.Value<DevlinkHandle?>(
            "Device:Sf:Device", "", DevlinkDevice, "give a devlink device such as pci/0000:01:00.0, or \"\" for none"))
        {
            PhysicalFunction = (ushort)reader.Number("Device:Sf:PhysicalFunction", 0, 0, ushort.MaxValue),
            Numbers = reader.Value<NumberRange>("Device:Sf:Numbers", "1-254", NumberRange.Parse, RangeRemedy),
            Warm = (int)reader.Number("Device:Sf:Warm", 0, 0, 254),
            Reuse = reader.Flag("Device:Sf:Reuse", true),
            Activation = TimeSpan.FromSeconds(reader.Number("Device:Sf:ActivationSeconds", 5, 1, 60)),
            Port = reader.Value<string>("Device:Sf:Port", "", OptionalPortName, PortRemedy),
            Mac = reader.Value<FunctionMac>("Device:Sf:Mac", "keep", Parsers.Name, MacRemedy),
        };

    // -1 means the driver's setting.
    private static int? Optional(ConfigurationReader reader, string key, int max) =>
        (int)reader.Number(key, -1, -1, max) is >= 0 and var number ? number : null;

    private static bool? OptionalFlag(ConfigurationReader reader, string key) =>
        reader.Value<string>(key, "driver", OnOffDriver, "give on, off, or driver for the driver's setting") switch
        {
            "on" => true,
            "off" => false,
            _ => null,
        };

    private static string? OnOffDriver(string text, out string value)
    {
        value = text.ToLowerInvariant();
        return value is "on" or "off" or "driver" ? null : "unknown value";
    }

    private static string? PhysicalFunction(string text, out string selector)
    {
        selector = text;
        return CniEnvironment.IsValidInterfaceName(text) || PciBus.IsAddress(text) || VfKind.TryParseIds(text, out _, out _)
            ? null
            : "not a name of a physical function";
    }

    private static string? DevlinkDevice(string text, out DevlinkHandle? handle)
    {
        handle = null;
        return text.Length == 0 || DevlinkHandle.TryParse(text, out handle) ? null : "not a name of a devlink device";
    }

    private static HostInterfaceConfig ReadHostInterface(ConfigurationReader reader)
    {
        const string AddressRemedy = "give an address with its prefix length such as 200.1.1.2/32";
        var enabled = reader.Flag("HostInterface:Enabled", true);
        var config = new HostInterfaceConfig(
            enabled,
            reader.Value<string>("HostInterface:Name", "accoffload0", InterfaceName, "give a name of 1 to 15 characters"),
            reader.List<InterfaceCidr>(
                "HostInterface:Addresses",
                InterfaceAddress,
                enabled ? $"{AddressRemedy}, or HostInterface:Enabled = false" : AddressRemedy,
                missing: enabled ? "is missing: the host can't reach its pods" : null),
            reader.List<IPNetwork>("HostInterface:Routes", Parsers.Network, "give a network such as 10.244.0.0/16"))
        {
            PreferredSource = reader.Value<IPAddress?>(
                "HostInterface:PreferredSource", "", Parsers.OptionalAddress, "give an address of this host, or \"\" for none"),
            Services = reader.Flag("HostInterface:Services", false),
            DeviceKind = reader.Value<string>(
                "HostInterface:DeviceKind", "veth", HostDeviceKind, "give veth, or tap for a target that creates its own ports"),
        };
        if (config.Addresses.Count > ProtocolLimits.MaxAddresses)
        {
            reader.Fail(
                "HostInterface:Addresses", null, $"has {config.Addresses.Count} addresses", $"give at most {ProtocolLimits.MaxAddresses}");
        }

        return config;
    }

    private static string? AccAddress(string text, out Uri address) =>
        Parsers.HttpsServer(text, out address) is not { } problem
            ? null
            : text.Length == 0
            ? "is missing: the agent can't find the ACC"
            : problem;

    private static string? ServerName(string text, out string name)
    {
        name = text;
        return text.Length > 0 && Uri.CheckHostName(text) != UriHostNameType.Unknown ? null : "not a host name";
    }

    private static string? SocketPath(string text, out string path)
    {
        // The socket is first bound under a longer name.
        const int Max = CniNetworkHeader.MaxSocketPath - 4;
        var problem = Parsers.SocketPath(text, out path);
        return problem ?? (text.Length > Max ? $"longer than {Max} characters" : null);
    }

    private static string? DeviceKind(string text, out string kind)
    {
        kind = text.ToLowerInvariant();
        return DeviceKinds.IsKnown(kind) ? null : "unknown device kind";
    }

    private static string? HostDeviceKind(string text, out string kind)
    {
        kind = text.ToLowerInvariant();
        return kind is "veth" or "tap" ? null : "neither veth nor tap";
    }

    private static string? PortNamespace(string text, out string path)
    {
        path = text;
        var name = text.StartsWith(NamespaceDirectory, StringComparison.Ordinal) ? text[NamespaceDirectory.Length..] : "";
        return name.Length is 0 or > 255 || name.Contains('/') || name is "." or ".." ? $"not a name below {NamespaceDirectory}" : null;
    }

    private static string? InterfaceName(string text, out string name)
    {
        name = text;
        return CniEnvironment.IsValidInterfaceName(text) ? null : "not an interface name";
    }

    // The same check as on the ACC: with a name that the ACC refuses, every ADD would fail.
    private static string? OptionalPortName(string text, out string name)
    {
        name = text;
        if (text.Length == 0)
        {
            return null;
        }

        return text.Length <= ProtocolLimits.MaxPortNameBytes && text is not ("." or "..")
            && text.All(c => ProtocolLimits.PortNameCharacters.Contains(c, StringComparison.Ordinal))
            ? null
            : $"not a port name: give 1 to {ProtocolLimits.MaxPortNameBytes} letters, digits and . _ : @ -";
    }

    private static string? OptionalInterfaceName(string text, out string name)
    {
        name = text;
        return text.Length == 0 ? null : InterfaceName(text, out name);
    }

    private static string? InterfaceAddress(string text, out InterfaceCidr address)
    {
        var problem = Parsers.InterfaceAddress(text, out var parsed);
        address = new InterfaceCidr(parsed.Address, parsed.PrefixLength);
        return problem;
    }
}
