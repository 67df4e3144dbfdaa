using System.Collections;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Tests;

public sealed class ConfigurationTests : IDisposable
{
    private const string Acc = "\"Acc\":{\"Address\":\"https://acc:50002\"}";
    private const string Host = "\"HostInterface\":{\"Enabled\":false}";

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("{" + Host + "}", "Acc:Address: is missing")]
    [InlineData("{" + Host + ",\"Acc\":{\"Address\":\"http://acc:1\"}}", "Acc:Address = \"http://acc:1\": ")]
    [InlineData("{" + Host + ",\"Acc\":{\"Address\":\"https://acc:1\",\"CaFile\":\"ca\"}}", "Acc:CaFile = \"ca\": is not an absolute path")]
    [InlineData("{" + Host + ",\"Acc\":{\"Address\":\"https://acc:1\",\"ServerName\":\"a b\"}}", "Acc:ServerName = \"a b\": ")]
    [InlineData("{" + Host + "," + Acc + ",\"Mtu\":99999}", "Mtu = \"99999\": is too large; give an integer from 576 to 9216")]
    [InlineData("{" + Host + "," + Acc + ",\"Mtu\":\"big\"}", "Mtu = \"big\": is not a number")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Device\":{\"Kind\":\"bridge\"}}",
        "Device:Kind = \"bridge\": unknown device kind; give veth, tap, ipvlan, vf or sf")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Device\":{\"PortNamespace\":\"/tmp/x\"}}",
        "Device:PortNamespace = \"/tmp/x\": not a name below /run/netns/")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Device\":{\"PortNamespace\":\"/run/netns/../x\"}}", "Device:PortNamespace = \"/run/netns/../x\": ")]
    [InlineData("{" + Host + "," + Acc + ",\"Agent\":{\"Socket\":\"x\"}}", "Agent:Socket = \"x\": is not an absolute path")]
    [InlineData("{" + Acc + "}", "HostInterface:Addresses: is missing")]
    [InlineData(
        "{" + Acc + ",\"HostInterface\":{\"Addresses\":[\"1.2.3.4\"]}}", "HostInterface:Addresses[0] = \"1.2.3.4\": has no prefix length")]
    [InlineData(
        "{" + Acc + ",\"HostInterface\":{\"Addresses\":[\"1.2.3.4/32\"],\"Routes\":[\"10.0.0.1/8\"]}}",
        "HostInterface:Routes[0] = \"10.0.0.1/8\": has address bits set")]
    [InlineData("{" + Acc + ",\"HostInterface\":{\"Enabled\":\"maybe\"}}", "HostInterface:Enabled = \"maybe\": is neither true nor false")]
    [InlineData("{" + Acc + ",\"HostInterface\":{\"Name\":\"much-too-long-name\"}}", "HostInterface:Name = \"much-too-long-name\": ")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Logging\":{\"Level\":\"Loud\"}}", "Logging:Level = \"Loud\": is not a log level; give Trace, ")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Logging\":{\"Features\":{\"Xyz\":\"Debug\"}}}",
        "Logging:Features:Xyz = \"Debug\": is not a known feature (Cni, ")]
    [InlineData(
        "{" + Host + "," + Acc + ",\"Logging\":{\"Features\":{\"Acc\":\"7\"}}}", "Logging:Features:Acc = \"7\": is not a log level")]
    [InlineData("{" + Host + "," + Acc + ",\"Tpyo\":1}", "Tpyo = \"1\": unknown key")]
    [InlineData(
        "{" + Host + ",\"Acc\":{\"Address\":\"https://acc:1\",\"Adress\":\"x\"}}",
        "Acc:Adress = \"x\": unknown key; did you mean Acc:Address?")]
    [InlineData("{" + Host + "," + Acc + ",\"Mtu\":1500,\"mtu\":1400}", "given twice")]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "is not a JSON object")]
    public void A_bad_value_is_reported_in_one_line_with_file_key_value_and_reason(string json, string expected)
    {
        File.WriteAllText(_file, json);
        var e = Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load(_file, new Hashtable()));
        Assert.All(e.Errors, error => Assert.DoesNotContain('\n', error.ToString()));
        Assert.Contains(
            e.Errors,
            error => error.ToString().StartsWith(_file + ":", StringComparison.Ordinal) && error.ToString()
                .Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void All_errors_are_reported_together()
    {
        File.WriteAllText(_file, "{" + Host + ",\"Mtu\":1,\"Agent\":{\"Store\":\"x\"}}");
        var e = Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load(_file, new Hashtable()));
        Assert.Equal(["Acc:Address", "Agent:Store", "Mtu"], e.Errors.Select(error => error.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("{" + Host + "," + Acc + ",\"Agent\":{\"Socket\":5}}", "Agent:Socket")]
    [InlineData("{" + Host + "," + Acc + ",\"Device\":{\"Kind\":\"ipvlan\",\"Ipvlan\":{\"Parent\":5}}}", "Device:Ipvlan:Parent")]
    [InlineData("{" + Host + ",\"Acc\":{\"Address\":5}}", "Acc:Address")]
    public void A_number_instead_of_a_string_is_reported_once(string json, string key)
    {
        File.WriteAllText(_file, json);
        var e = Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load(_file, new Hashtable()));
        Assert.Equal((key, "is not a string"), (Assert.Single(e.Errors).Key, e.Errors[0].Reason));
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var e = Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load("/there/is/none.json", new Hashtable()));
        Assert.StartsWith("/there/is/none.json: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_overrides_the_file_and_is_named_in_errors()
    {
        File.WriteAllText(
            _file,
            "{" + Acc + ",\"Mtu\":1500,\"HostInterface\":{\"Addresses\":[\"1.2.3.4/32\"],\"Routes\":[\"10.0.0.0/8\",\"11.0.0.0/8\"]}}");
        var config = AgentConfigReader.Load(_file, new Hashtable
        {
            ["ACCOFFLOAD_Mtu"] = "1400",
            ["ACCOFFLOAD_HostInterface__Routes"] = "12.0.0.0/8, 13.0.0.0/8",
            ["ACCOFFLOAD_Logging__Features__Acc"] = "Debug",
            // A setting of inframanager; host-stub ignores it.
            ["ACCOFFLOAD_Node__Name"] = "node-1",
        });
        Assert.Equal(1400, config.Mtu);
        Assert.Equal(["12.0.0.0/8", "13.0.0.0/8"], config.HostInterface.Routes.Select(r => r.ToString()));
        Assert.Equal(LogLevel.Debug, config.Logging.Features["acc"]);

        var e = Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load(_file, new Hashtable { ["ACCOFFLOAD_Mtu"] = "1" }));
        Assert.StartsWith("environment ACCOFFLOAD_Mtu: Mtu = \"1\": ", e.Message, StringComparison.Ordinal);
        Assert.Throws<ConfigurationException>(() => AgentConfigReader.Load(_file, new Hashtable { ["ACCOFFLOAD_Acc__Adress"] = "1" }));
    }

    [Fact]
    public void Every_section_of_inframanager_may_be_in_the_environment()
    {
        File.WriteAllText(_file, "{" + Acc + ",\"HostInterface\":{\"Enabled\":false}}");
        var reference = File.ReadAllText(Repository.At("docs/configuration.md"));
        var parts = reference.Split("\n## ");
        HashSet<string> own = [.. Sections(parts.Single(p => p.StartsWith("host-stub.json", StringComparison.Ordinal)))];
        var others = Sections(parts.Single(p => p.StartsWith("inframanager.json", StringComparison.Ordinal))).Except(own).ToList();
        Assert.Contains("Node", others);
        var environment = new Hashtable();
        foreach (var section in others)
        {
            environment[$"ACCOFFLOAD_{section}__Any"] = "1";
        }

        AgentConfigReader.Load(_file, environment);

        static IEnumerable<string> Sections(string part) => System.Text.RegularExpressions.Regex.Matches(part, "(?m)^\\| `([A-Za-z0-9]+)")
            .Select(m => m.Groups[1].Value).Distinct();
    }

    [Fact]
    public void The_sample_contains_the_defaults()
    {
        var sample = AgentConfigReader.Load(Repository.At("rootfs/overlay-host/etc/accoffload/host-stub.json"), new Hashtable());
        File.WriteAllText(
            _file,
            "{\"Acc\":{\"Address\":\"https://127.0.0.1:50002\"},"
            + "\"HostInterface\":{\"Addresses\":[\"200.1.1.2/32\"],\"Routes\":[\"10.244.0.0/16\"]}}");
        var defaults = AgentConfigReader.Load(_file, new Hashtable());
        Assert.Equal(defaults with { HostInterface = sample.HostInterface, Logging = sample.Logging }, sample);
        Assert.Equal(defaults.HostInterface.Addresses, sample.HostInterface.Addresses);
        Assert.Equal(CniNetworkHeader.DefaultSocket, sample.Socket);
    }

    [Fact]
    public void Log_levels_depend_on_the_feature_and_can_be_changed()
    {
        var features = new Dictionary<string, LogLevel> { ["Acc"] = LogLevel.Debug, ["Ipam"] = LogLevel.None };
        var levels = new FeatureLevels(new LoggingSettings(LogFormat.Text, LogLevel.Information, features), LogFeature.All);
        Assert.True(levels.IsEnabled("Acc", LogLevel.Debug));
        Assert.False(levels.IsEnabled("Cni", LogLevel.Debug));
        Assert.False(levels.IsEnabled("Ipam", LogLevel.Critical));
        Assert.False(levels.IsEnabled("Grpc.Net.Client", LogLevel.Information));
        Assert.True(levels.IsEnabled("Grpc.Net.Client", LogLevel.Warning));
        levels.Settings = new LoggingSettings(LogFormat.Text, LogLevel.Debug, new Dictionary<string, LogLevel>());
        Assert.True(levels.IsEnabled("Cni", LogLevel.Debug));
    }
}
