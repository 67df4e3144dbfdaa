using System.Collections;
using System.Globalization;
using System.Net;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Configuration;

/// <summary>Reads and checks the agent's configuration: every key, what it may be, and what it is when not given.</summary>
internal static class AgentConfigReader
{
    private const string NamespaceDirectory = "/run/netns/";

    public static AgentConfig Load(string path) => Load(path, Environment.GetEnvironmentVariables());

    public static AgentConfig Load(string path, IDictionary environment)
    {
        var reader = new ConfigurationReader(ConfigurationSource.Load(path, environment));
        var config = new AgentConfig
        {
            Acc = ReadAcc(reader),
            Socket = ReadSocket(reader),
            Store = reader.Path("Agent:Store", "/var/lib/host-stub/agent.db"),
            IpamTimeout = TimeSpan.FromSeconds(reader.Int("Agent:IpamTimeoutSeconds", 5, 1, 60)),
            AddTimeout = TimeSpan.FromSeconds(reader.Int("Agent:AddTimeoutSeconds", 8, 1, 60)),
            DeviceKind = reader.OneOf("Device:Kind", "veth", "veth"),
            PortNamespace = ReadPortNamespace(reader),
            Mtu = reader.Int("Mtu", 1500, CniNetworkConfig.MinMtu, CniNetworkConfig.MaxMtu),
            HostInterface = ReadHostInterface(reader),
            Logging = ReadLogging(reader),
        };
        reader.RefuseUnknown();
        return config;
    }

    private static AccConfig ReadAcc(ConfigurationReader reader)
    {
        string address = reader.Text("Acc:Address", "");
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
            throw reader.Wrong("Acc:Address", address, "https://HOST:PORT of the ACC is needed");
        string name = reader.Text("Acc:ServerName", "accoffload-acc");
        if (name.Length == 0 || Uri.CheckHostName(name) == UriHostNameType.Unknown)
            throw reader.Wrong("Acc:ServerName", name, "the host name in the ACC's certificate is needed");
        return new AccConfig(
            uri,
            name,
            reader.Path("Acc:CertificateFile", "/etc/pki/infraagent/client/tls.crt"),
            reader.Path("Acc:KeyFile", "/etc/pki/infraagent/client/tls.key"),
            reader.Path("Acc:CaFile", "/etc/pki/infraagent/client/ca.crt"))
        {
            StatusGrace = TimeSpan.FromSeconds(reader.Int("Acc:StatusGraceSeconds", 180, 0, 3600)),
        };
    }

    private static string ReadSocket(ConfigurationReader reader)
    {
        string path = reader.Path("Agent:Socket", CniNetworkHeader.DefaultSocket);
        // Bound under a longer name first.
        const int Most = CniNetworkHeader.MaxSocketPath - 4;
        return path.Length <= Most ? path : throw reader.Wrong("Agent:Socket", path, $"a path of at most {Most} characters is needed");
    }

    private static string ReadPortNamespace(ConfigurationReader reader)
    {
        string path = reader.Path("Device:PortNamespace", "/run/netns/accoffload-dp");
        string name = path.StartsWith(NamespaceDirectory, StringComparison.Ordinal) ? path[NamespaceDirectory.Length..] : "";
        if (name.Length is 0 or > 255 || name.Contains('/') || name is "." or "..")
            throw reader.Wrong("Device:PortNamespace", path, $"a name below {NamespaceDirectory} is needed");
        return path;
    }

    private static HostInterfaceConfig ReadHostInterface(ConfigurationReader reader)
    {
        bool enabled = reader.Bool("HostInterface:Enabled", true);
        string name = reader.Text("HostInterface:Name", "accoffload0");
        if (!CniEnvironment.IsValidInterfaceName(name))
            throw reader.Wrong("HostInterface:Name", name, "an interface name of 1 to 15 characters is needed");
        var addresses = new List<InterfaceCidr>();
        foreach (string text in reader.List("HostInterface:Addresses"))
            addresses.Add(ReadCidr(reader, "HostInterface:Addresses", text));
        var routes = new List<IPNetwork>();
        foreach (string text in reader.List("HostInterface:Routes"))
        {
            // The framework takes host bits and drops them; whoever wrote them meant something else.
            if (!IPNetwork.TryParse(text, out var network) || !text.StartsWith($"{network.BaseAddress}/", StringComparison.Ordinal))
                throw reader.Wrong("HostInterface:Routes", text, "a network such as 10.244.0.0/16 without host bits is needed");
            routes.Add(network);
        }
        if (enabled && addresses.Count == 0)
            throw reader.Wrong("HostInterface:Addresses", "[]", "an address such as 200.1.1.2/32 is needed, or HostInterface:Enabled = false");
        return new HostInterfaceConfig(enabled, name, addresses, routes);
    }

    private static InterfaceCidr ReadCidr(ConfigurationReader reader, string key, string text)
    {
        int slash = text.IndexOf('/');
        if (slash > 0 && IPAddress.TryParse(text.AsSpan(0, slash), out var address)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            && length <= address.GetAddressBytes().Length * 8)
        {
            return new InterfaceCidr(address, length);
        }
        throw reader.Wrong(key, text, "an address with a prefix length such as 200.1.1.2/32 is needed");
    }

    private static LoggingConfig ReadLogging(ConfigurationReader reader)
    {
        string format = reader.OneOf("Logging:Format", "text", "text", "json", "systemd");
        var level = ReadLevel(reader, "Logging:Level", reader.Text("Logging:Level", "Information"));
        var features = new Dictionary<string, LogLevel>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, text) in reader.Section("Logging:Features"))
        {
            if (!LogFeature.All.Contains(name, StringComparer.OrdinalIgnoreCase))
                throw reader.Wrong($"Logging:Features:{name}", text, $"unknown feature, there are {string.Join(", ", LogFeature.All)}");
            features[name] = ReadLevel(reader, $"Logging:Features:{name}", text);
        }
        return new LoggingConfig(format, level, features);
    }

    private static LogLevel ReadLevel(ConfigurationReader reader, string key, string text)
    {
        foreach (var level in Enum.GetValues<LogLevel>())
        {
            if (level.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
                return level;
        }
        throw reader.Wrong(key, text, $"one of {string.Join(", ", Enum.GetNames<LogLevel>())} is needed");
    }
}
