using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Programming.Pipelines;
using ACCOffload.InfraManager.Target;
using Microsoft.Extensions.Logging;

namespace ACCOffload.InfraManager.Tests.Configuration;

public sealed class SettingsLoaderTests : IDisposable
{
    private const string Least = """ "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"] } """;

    private readonly Folder _folder = new();

    public static TheoryData<string> ScalarKeys => [.. SettingsLoader.Defaults().Where(d => d.Value is not "{}").Select(d => d.Key)];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_settings_have_defaults()
    {
        var settings = Load($"{{ {Least} }}");
        Assert.Equal("node-1", settings.Node.Name);
        Assert.Equal([IPNetwork.Parse("10.244.1.0/24")], settings.Node.PodRanges);
        Assert.Equal("169.254.1.1", settings.Node.Gateway.ToString());
        Assert.Equal("0.0.0.0:50002", settings.Api.Listen.ToString());
        Assert.Equal("127.0.0.1:50096", settings.Api.HealthListen!.ToString());
        Assert.Null(settings.Api.CrlFile);
        Assert.Equal(TargetKind.Embedded, settings.Target.Kind);
        Assert.Equal(LogLevel.Information, settings.Logging.Level);
        Assert.Equal(Path.Combine(AppContext.BaseDirectory, "pipeline"), settings.Pipeline.Directory);
    }

    [Fact]
    public void All_settings_are_accepted_with_comments_and_trailing_commas()
    {
        var settings = Load("""
            {
              // the node
              "Node": {"Name":"node-1","PodRanges":["10.244.1.0/24"],"NodeAddresses":["192.0.2.10"],"HostAddresses":["200.1.1.2"],"VirtualRanges":["10.96.0.0/12"],"Gateway":"169.254.1.1","GatewayMac":"02:ac:c0:00:00:01","Mtu":1500},
              "Api": {"Listen":"[::]:50002","HealthListen":"","CrlFile":"","FingerprintRoles":{"AB:00112233445566778899aabbccddeeff00112233445566778899aabbccddee":"host:node-1"}},
              "Target": {"Kind":"external","P4Runtime":"https://127.0.0.1:9559","Gnmi":"https://[::1]:9339","DeviceId":7,"ServerName":"infrap4d","BatchSize":500},
              "SoftTarget": {"Listen":"127.0.0.1:9559","PortNamespace":"/run/netns/x"},
              "Pipeline": {"Directory":""}, "Store": {"Path":"/x.db"}, "Control": {"Socket":"/x.sock"},
              "Limits": {"QueueIntents":10,"QueueBytes":1000000,"ShutdownSeconds":3}, "Logging": {"Format":"json","Level":"warning","Features":{"Api":"Debug"}}, /* done */
            }
            """);
        Assert.Null(settings.Api.HealthListen);
        Assert.Equal("node-1", settings.Api.FingerprintRoles["AB00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEE"]);
        Assert.Equal(7ul, settings.Target.DeviceId);
        Assert.Equal("infrap4d", settings.Target.ServerName);
        Assert.Equal(LogFormat.Json, settings.Logging.Format);
        Assert.Equal(LogLevel.Debug, settings.Logging.Features["Api"]);
    }

    [Fact]
    public void A_package_is_accepted_with_its_port_rule_and_an_external_target()
    {
        var settings = Load($$"""
            { {{Least}}, "Target": { "Kind": "external", "PortRule": "mac" }, "Pipeline": { "Profile": "es2k-24.01" }, "ArpProxy": { "Interface": "arp0" },
              "Subfunctions": { "acc0": "pci/0000:01:00.0 sf 4 mac 00:09:00:00:03:14 queues 4" } }
            """);
        Assert.Equal((PipelineProfiles.Es2k2401, "arp0", 254),
            (settings.Node.Profile, settings.ArpProxy.Interface, settings.Node.Devices.MaxPorts));
        // The ports of the subfunction and of the gateway, whose MAC is 02:ac:c0:00:00:01.
        Assert.Equal([25u, 188u], settings.Node.OwnPorts);
        Assert.Equal(0, Load($"{{ {Least} }}").Node.Devices.MaxPorts);
        Assert.Equal(50, Load($$"""{ {{Least}}, "Target": { "PortRule": "mac" }, "Devices": { "MaxPorts": 50 } }""").Node.Devices.MaxPorts);
        Assert.Equal(3u, Load($$"""{ {{Least}}, "ArpProxy": { "Port": "3" } }""").Node.ArpPort);
    }

    [Theory]
    [InlineData(""" "Pipeline": { "Profile": "es2k" } """,
        "Pipeline:Profile = \"es2k\": is not a known profile; give one of k8s_dp, es2k-24.01, dpdk-24.01")]
    [InlineData(""" "Pipeline": { "Profile": "es2k-24.01" }, "Target": { "PortRule": "mac" } """,
        "Pipeline:Profile = \"es2k-24.01\": is a package that the embedded target does not run")]
    [InlineData(""" "Target": { "Traits": "tofino" } """,
        "Target:Traits = \"tofino\": unknown kind of target; give auto, soft, p4-dpdk or es2k")]
    [InlineData(""" "Target": { "Ports": ["TAP0", "TAP1", "TAP2"] } """, ": is not a power of two: the target would refuse the pipeline")]
    [InlineData(""" "Target": { "Ports": ["TAP0", "TAP0"] } """, ": names a port twice")]
    [InlineData(""" "Target": { "Ports": ["a/b"] } """, "Target:Ports")]
    [InlineData(""" "Target": { "MakePorts": "others" } """, "Target:MakePorts")]
    [InlineData(""" "Pipeline": { "Profile": "es2k-24.01" }, "Target": { "Kind": "external" } """,
        "Target:PortRule = \"gnmi\": is not supported by es2k-24.01; set it to mac")]
    [InlineData(""" "Pipeline": { "Profile": "dpdk-24.01" }, "Target": { "Kind": "external", "PortRule": "mac" } """,
        "Target:PortRule = \"mac\": is not supported by dpdk-24.01; set it to gnmi")]
    [InlineData(""" "Target": { "PortRule": "mac" }, "Devices": { "MaxPorts": 255 } """, "Devices:MaxPorts = \"255\": is more than 254")]
    [InlineData(""" "ArpProxy": { "Interface": "a/b" } """, "ArpProxy:Interface = \"a/b\": is not an interface name")]
    [InlineData(""" "ArpProxy": { "Port": "x" } """, "ArpProxy:Port = \"x\": is not a port number")]
    [InlineData(""" "Subfunctions": { "acc0": "pci/0000:01:00.0" } """, "has no subfunction number (sf)")]
    [InlineData(""" "Subfunctions": { "a/b": "pci/0000:01:00.0 sf 1" } """, "is not an interface name")]
    public void Incompatible_settings_are_refused(string json, string text)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load($"{{ {Least}, {json} }}"));
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_uplink_has_a_port_a_MAC_and_next_hops()
    {
        Assert.Null(Load($"{{ {Least} }}").Node.Uplink);
        var uplink = Load("""
            { "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"],
              "Uplink": { "Port": "eth1", "Mac": "02:00:00:00:00:99", "Routes": ["0.0.0.0/0 via 02:00:00:00:00:01", "10.244.2.0/24 via 02:00:00:00:00:02"], "Mtu": 1400 } } }
            """).Node.Uplink!;
        Assert.Equal(1400, uplink.Mtu);
        Assert.Equal(("eth1", "02:00:00:00:00:99"), (uplink.Port, uplink.Mac.ToString()));
        Assert.Equal(["0.0.0.0/0 via 02:00:00:00:00:01", "10.244.2.0/24 via 02:00:00:00:00:02"], uplink.Routes.Select(r => r.ToString()));
    }

    [Theory]
    [InlineData("""{ "Port": "eth1" }""", "Node:Uplink:Mac")]
    [InlineData("""{ "Port": "eth1", "Mac": "01:00:00:00:00:99" }""", "Node:Uplink:Mac")]
    [InlineData("""{ "Port": "eth1", "Mac": "02:00:00:00:00:99", "Routes": ["0.0.0.0/0"] }""", "Node:Uplink:Routes")]
    [InlineData("""{ "Port": "eth1", "Mac": "02:00:00:00:00:99", "Routes": ["10.0.0.1/8 via 02:00:00:00:00:01"] }""", "Node:Uplink:Routes")]
    [InlineData("""{ "Port": "eth1", "Mac": "02:00:00:00:00:99", "Mtu": 500 }""", "Node:Uplink:Mtu")]
    public void An_invalid_uplink_is_refused(string uplink, string key)
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Load($$"""{ "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"], "Uplink": {{uplink}} } }"""));
        Assert.Contains(key, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_overrides_the_file()
    {
        var settings = Load($"{{ {Least} }}", ("ACCOFFLOAD_Node__Name", "node-9"),
            ("ACCOFFLOAD_NODE__PODRANGES", "10.1.0.0/24, 10.2.0.0/24"),
            ("ACCOFFLOAD_Node__HostAddresses__1", "200.1.1.3"), ("ACCOFFLOAD_Node__HostAddresses__0", "200.1.1.2"),
            ("ACCOFFLOAD_Node__Mtu", "9000"), ("ACCOFFLOAD_Logging__Features__Store", "Trace"),
            ("ACCOFFLOAD_Acc__Address", "the agent's"), ("PATH", "/bin"));
        Assert.Equal("node-9", settings.Node.Name);
        Assert.Equal(2, settings.Node.PodRanges.Count);
        Assert.Equal(["200.1.1.2", "200.1.1.3"], settings.Node.HostAddresses.Select(a => a.ToString()));
        Assert.Equal(9000, settings.Node.Mtu);
        Assert.Equal(LogLevel.Trace, settings.Logging.Features["Store"]);
    }

    [Theory]
    [InlineData("""{ "Node": { "Name": "Node_1", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"Node_1\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "" , "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "-a", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"-a\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "a-", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"a-\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "a..b", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"a..b\": is not a node name")]
    [InlineData("""{ "Node": { "Name": ".a", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \".a\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "a.", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"a.\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "a.-b", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"a.-b\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "é", "PodRanges": ["10.244.1.0/24"] } }""", "Node:Name = \"é\": is not a node name")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"] }, "Services": { "Source": "agent" }, "Policy": { "Source": "kubernetes" } }""",
        "Policy:Source = \"kubernetes\": needs a watch of the cluster")]
    [InlineData("""{ "Node": { "Name": "n" }, "Policy": { "Source": "calico" } }""", "Policy:Source = \"calico\": is not one of the choices; give kubernetes, felix, agent or off")]
    [InlineData("""{ "Node": { "Name": "n" }, "Services": { "Source": "agent" } }""", "Node:PodRanges: is missing: without a watch")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": [] }, "Services": { "Source": "agent" } }""", "Node:PodRanges = \"[]\": is missing: without a watch")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": "10.244.1.0/24" } }""",
        "Node:PodRanges = \"10.244.1.0/24\": is not a list; write [ ] around it")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0"] } }""",
        "Node:PodRanges[0] = \"10.244.1.0\": has no prefix length; give a range such as")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/33"] } }""",
        "Node:PodRanges[0] = \"10.244.1.0/33\": has invalid prefix length 33 (0–32)")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.7/24"] } }""", "has address bits set beyond its prefix length")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244/16"] } }""", "has no IP address before the '/'")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.0.0.0/8", "10.1.0.0/16"] } }""", "overlaps 10.0.0.0/8")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["169.254.0.0/16"] } }""",
        "Node:Gateway = \"169.254.1.1\": lies in the pod range 169.254.0.0/16")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.96.0.0/16"], "VirtualRanges": ["10.96.0.0/12"] } }""",
        "overlaps the pod range")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "NodeAddresses": ["10.244.1.9"] } }""",
        "Node:NodeAddresses = ")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "NodeAddresses": [7] } }""",
        "Node:NodeAddresses[0] = \"7\": is not a string")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Gateway": "1" } }""",
        "Node:Gateway = \"1\": is not an IP address")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Gateway": "fe80::1" } }""",
        "Node:Gateway = \"fe80::1\": is not an IPv4 address, and the pipelines route IPv4 only; give an IPv4 address")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Gateway": "::ffff:169.254.1.1" } }""", "is not an IPv4 address")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "GatewayMac": "01:00:5e:00:00:01" } }""",
        "is a multicast MAC address")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "GatewayMac": "00:00:00:00:00:00" } }""",
        "is the all-zero MAC address")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Mtu": 100 } }""",
        "Node:Mtu = \"100\": is too small; give an integer from 576 to 9216")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Mtu": 1e9 } }""", "Node:Mtu = \"1e9\": is not an integer")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Mtu": "1500" } }""", "Node:Mtu = \"1500\": is not a number")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Mtu": null } }""", "Node:Mtu = \"null\": has no value")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "Mtuu": 1500 } }""",
        "Node:Mtuu = \"1500\": unknown key; did you mean Node:Mtu?")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"] }, "Nodes": {} }""", "Nodes = \"{}\": unknown key")]
    [InlineData("""{ "Node": { "Name": "n", "name": "m", "PodRanges": ["10.244.1.0/24"] } }""", "Node:name = \"m\": is given twice")]
    [InlineData("""{ "Node": [ { "Name": "n" } ] }""", "Node[0]")]
    [InlineData("""{ "Api": { "Listen": "50002" } }""", "Api:Listen = \"50002\": has no port; give address:port")]
    [InlineData("""{ "Api": { "Listen": "0.0.0.0:99999" } }""", "has no port from 0 to 65535")]
    [InlineData("""{ "Api": { "Listen": "::1:50002" } }""", "has an IPv6 address without [ ] around it")]
    [InlineData("""{ "Api": { "Listen": "localhost:50002" } }""", "has no IP address before the port")]
    [InlineData("""{ "Api": { "CertificateFile": "tls.crt" } }""",
        "Api:CertificateFile = \"tls.crt\": is not an absolute path; give an absolute path")]
    [InlineData("""{ "Api": { "KeyFile": "" } }""", "Api:KeyFile = \"\": is empty")]
    [InlineData("""{ "Api": { "FingerprintRoles": { "abc": "host:node-1" } } }""",
        "Api:FingerprintRoles:abc = \"host:node-1\": is not a SHA-256 fingerprint")]
    [InlineData("""{ "Api": { "FingerprintRoles": { "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff": "acc" } } }""",
        "is not a role of clients of this API")]
    [InlineData("""{ "Api": { "FingerprintRoles": "x" } }""", "Api:FingerprintRoles = \"x\": is not a section")]
    [InlineData("""{ "Api": { "MaxConnections": 0 } }""", "Api:MaxConnections = \"0\": is too small")]
    [InlineData("""{ "Node": { "NodePorts": "32767-30000" } }""", "Node:NodePorts = \"32767-30000\": is not a port range")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "ExternalRanges": ["10.244.0.0/16"] } }""",
        "overlaps the pod range 10.244.1.0/24; give addresses that no pod can have")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "ExternalRanges": ["192.0.2.0/24"] }, "Api": { "Listen": "192.0.2.1:50002" } }""", "Api:Listen = \"192.0.2.1:50002\": lies in Node:VirtualRanges or Node:ExternalRanges")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "NodeAddresses": ["192.0.2.1"] }, "Api": { "Listen": "192.0.2.1:30002" } }""", "is a port within Node:NodePorts (30000-32767)")]
    [InlineData("""{ "SoftTarget": { "ClientRoles": [""] } }""", "SoftTarget:ClientRoles[0] = \"\": is not a role name")]
    [InlineData("""{ "Target": { "Kind": "hardware" } }""",
        "Target:Kind = \"hardware\": is not one of the choices; give embedded or external")]
    [InlineData("""{ "Target": { "P4Runtime": "http://127.0.0.1:9559" } }""",
        "Target:P4Runtime = \"http://127.0.0.1:9559\": is not encrypted; give unix:/path or https://host:port")]
    [InlineData("""{ "Target": { "Gnmi": "https://127.0.0.1:9339/x" } }""",
        "Target:Gnmi = \"https://127.0.0.1:9339/x\": has a path after the port")]
    [InlineData("""{ "Target": { "P4Runtime": "unix:relative" } }""", "is not an absolute path")]
    [InlineData("""{ "Target": { "DeviceId": 0 } }""", "Target:DeviceId = \"0\": is too small")]
    [InlineData("""{ "SoftTarget": { "PortNamespace": "x" } }""", "SoftTarget:PortNamespace = \"x\": is not an absolute path")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"] }, "SoftTarget": { "Listen": "127.0.0.1:1" } }""",
        "is not a unix socket, but the target is embedded")]
    [InlineData("""{ "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"] }, "SoftTarget": { "KeyFile": "/k" } }""",
        "not all three are set")]
    [InlineData("""{ "Store": { "Path": "db" } }""", "Store:Path = \"db\": is not an absolute path")]
    [InlineData("""{ "Control": { "Socket": "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890" } }""", "is longer than the 107 bytes")]
    [InlineData("""{ "Limits": { "ShutdownSeconds": -1 } }""", "Limits:ShutdownSeconds = \"-1\": is too small")]
    [InlineData("""{ "Logging": { "Format": "xml" } }""",
        "Logging:Format = \"xml\": is not one of the choices; give text, json or systemd")]
    [InlineData("""{ "Logging": { "Level": "3" } }""", "Logging:Level = \"3\": is not a log level; give Trace, Debug")]
    [InlineData("""{ "Logging": { "Features": { "Apis": "Debug" } } }""",
        "Logging:Features:Apis = \"Debug\": is not a known feature (Api, Security")]
    [InlineData("""{ "Logging": { "Features": { "Api": true } } }""", "Logging:Features:Api = \"true\": is not a string")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("{ \"Node\": {\n \"Name\": oops } }", ":2:")]
    [InlineData("", "is not valid JSON")]
    [InlineData("""{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}""", "is not valid JSON")]
    public void A_wrong_value_is_reported_in_one_line_with_file_key_value_and_reason(string json, string expected)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load(json));
        var error = Assert.Single(e.Errors, x => x.ToString().Contains(expected, StringComparison.Ordinal));
        Assert.StartsWith(_folder.At("c.json"), error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.ToString());
        Assert.Contains("; ", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_environment_variable_is_named_in_its_error()
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Load($"{{ {Least} }}", ("ACCOFFLOAD_Node__Mtu", "many\n"), ("ACCOFFLOAD_Nodes", "x")));
        Assert.Contains(e.Errors,
            x => x.ToString() == "environment ACCOFFLOAD_Node__Mtu: Node:Mtu = \"many\\u000a\": is not an integer; give an integer from "
                + "0 to 9216");
        Assert.Contains(e.Errors,
            x => x.ToString().StartsWith("environment ACCOFFLOAD_Nodes: Nodes = \"x\": unknown key", StringComparison.Ordinal));
    }

    [Fact]
    public void All_errors_are_reported_together()
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Load("""{ "Node": { "Name": "A B", "PodRanges": ["x"], "Mtu": 1 }, "X": 1 }"""));
        Assert.Equal(4, e.Errors.Count);
        Assert.Equal(4, e.Message.Split(Environment.NewLine).Length);
    }

    [Fact]
    public void All_contradictions_are_reported_together()
    {
        var e = Assert.Throws<ConfigurationException>(() => Load(
            """
            { "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"], "NodeAddresses": ["10.244.1.9"], "VirtualRanges": ["10.96.0.0/12"] },
              "Api": { "Listen": "10.96.0.5:50002" }, "SoftTarget": { "Listen": "127.0.0.1:9559" },
              "Pipeline": { "P4Info": "/p4info.txt" } }
            """));
        Assert.Equal(4, e.Errors.Count);
        foreach (var key in new[] { "Node:NodeAddresses", "Api:Listen", "SoftTarget:Listen", "Pipeline:P4Info" })
        {
            Assert.Contains(key, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(ScalarKeys))]
    public void A_value_of_the_wrong_type_is_reported_once_together_with_other_errors(string key)
    {
        var json = new JsonObject { ["Node"] = new JsonObject { ["PodRanges"] = new JsonArray("10.244.1.0/24") }, ["X"] = 1 };
        var path = key.Split(':');
        var section = json;
        foreach (var name in path[..^1])
        {
            section = (JsonObject)(section[name] ??= new JsonObject());
        }

        // No key takes a list of numbers.
        section[path[^1]] = new JsonArray(5);
        var e = Assert.Throws<ConfigurationException>(() => Load(json.ToJsonString()));
        Assert.Equal([key, "X"], e.Errors.Select(x => x.Key.Replace("[0]", "", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(""" "Pipeline": { "Profile": 5 } """, "Pipeline:Profile = \"5\": is not a string")]
    [InlineData(""" "Target": { "PortRule": 5 }, "Devices": { "MaxPorts": 9 } """, "Target:PortRule = \"5\": is not a string")]
    public void A_number_instead_of_a_string_is_refused(string json, string text)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load($"{{ {Least}, {json} }}"));
        Assert.Contains(text, Assert.Single(e.Errors).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Port": 5, "Mac": "02:00:00:00:00:99" }""", "Node:Uplink:Port = \"5\": is not a string")]
    [InlineData("""{ "Port": "eth1", "Mac": 5 }""", "Node:Uplink:Mac = \"5\": is not a string")]
    [InlineData("""{ "Port": "eth1", "Mac": "x" }""", "Node:Uplink:Mac = \"x\": is not a MAC address")]
    public void An_invalid_value_of_the_uplink_is_reported_once(string uplink, string text)
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Load($$"""{ "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"], "Uplink": {{uplink}} } }"""));
        Assert.Contains(text, Assert.Single(e.Errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_or_unreadable_file_is_reported_with_a_remedy()
    {
        var missing = Assert.Throws<ConfigurationException>(() =>
            SettingsLoader.Load(_folder.At("none.json"), new Dictionary<string, string>()));
        Assert.Equal($"{_folder.At("none.json")}: no such file; create it, or pass another with --config", missing.Message);
        var folder = Assert.Throws<ConfigurationException>(() => SettingsLoader.Load(_folder.Root, new Dictionary<string, string>()));
        Assert.Contains("cannot be read", folder.Message, StringComparison.Ordinal);
        File.WriteAllBytes(_folder.At("big.json"), new byte[(1 << 20) + 1]);
        var big = Assert.Throws<ConfigurationException>(() =>
            SettingsLoader.Load(_folder.At("big.json"), new Dictionary<string, string>()));
        Assert.Contains("is larger than", big.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_requested_sections_are_validated_but_unknown_keys_are_refused_everywhere()
    {
        var file = _folder.Write("c.json", """{ "Node": { "Mtu": 1 }, "SoftTarget": { "Listen": "127.0.0.1:9559" } }""");
        Assert.Equal("127.0.0.1:9559",
            SettingsLoader.Load(file, new Dictionary<string, string>(), ["SoftTarget", "Logging"]).SoftTarget.Listen);
        _folder.Write("c.json", """{ "Node": { "Mtuuuu": 1 } }""");
        Assert.Throws<ConfigurationException>(() => SettingsLoader.Load(file, new Dictionary<string, string>(), ["SoftTarget"]));
    }

    [Fact]
    public void The_fingerprint_covers_everything_except_log_levels()
    {
        var one = SettingsFingerprint.Of(Load($"{{ {Least} }}"));
        Assert.Equal(one, SettingsFingerprint.Of(Load($"{{ {Least}, \"Logging\": {{ \"Level\": \"Debug\" }} }}")));
        Assert.NotEqual(one, SettingsFingerprint.Of(Load($"{{ {Least}, \"Logging\": {{ \"Format\": \"json\" }} }}")));
        Assert.NotEqual(one, SettingsFingerprint.Of(Load($"{{ {Least}, \"Api\": {{ \"MaxStreams\": 3 }} }}")));
        Assert.NotEqual(one, SettingsFingerprint.Of(Load("""{ "Node": { "Name": "node-1", "PodRanges": ["10.244.2.0/24"] } }""")));
    }

    [Theory]
    [InlineData("""{ "Package": "/p/k8s_dp.pb.bin" }""", "Pipeline:Package")]
    [InlineData("""{ "P4Info": "/p/p4Info.txt" }""", "Pipeline:P4Info")]
    [InlineData("""{ "Profile": "dpdk-24.01", "P4Info": "/p/p4Info.txt" }""", "Pipeline:P4Info")]
    public void A_package_that_does_not_match_its_profile_is_refused(string pipeline, string key)
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            Load($"{{ {Least}, \"Target\": {{ \"Kind\": \"external\" }}, \"Pipeline\": {pipeline} }}"));
        Assert.Equal(key, Assert.Single(e.Errors).Key);
    }

    [Fact]
    public void A_package_and_its_P4Info_are_read()
    {
        var pipeline =
            Load($$"""{ {{Least}}, "Target": { "Kind": "external" }, "Pipeline": { "Profile": "dpdk-24.01", "Package": "/p/k8s_dp.pb.bin", "P4Info": "/p/i.bin" } }""").Pipeline;
        Assert.Equal(("/p/k8s_dp.pb.bin", "/p/i.bin"), (pipeline.Package, pipeline.P4Info));
    }

    [Fact]
    public void Metrics_are_not_served_without_an_address()
    {
        Assert.Null(Load($"{{ {Least} }}").MetricsListen);
        Assert.Equal("127.0.0.1:50097",
            Load($"{{ {Least}, \"Metrics\": {{ \"Listen\": \"127.0.0.1:50097\" }} }}").MetricsListen?.ToString());
        var e = Assert.Throws<ConfigurationException>(() =>
            Load($"{{ {Least}, \"Metrics\": {{ \"Listen\": \"localhost\", \"Port\": \"1\" }} }}"));
        Assert.Equal(["Metrics:Listen", "Metrics:Port"], e.Errors.Select(f => f.Key));
        Assert.Contains("has no port", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_shipped_configuration_is_valid()
    {
        var settings = SettingsLoader.Load(Path.Combine(Repository.Root, "rootfs/overlay/etc/accoffload/inframanager.json"),
            new Dictionary<string, string>());
        Assert.Equal(TargetKind.Embedded, settings.Target.Kind);
    }

    [Theory]
    [InlineData("watch", "", PolicySource.Kubernetes)]
    [InlineData("watch", "kubernetes", PolicySource.Kubernetes)]
    [InlineData("watch", "off", PolicySource.Off)]
    [InlineData("agent", "", PolicySource.Off)]
    [InlineData("watch", "felix", PolicySource.Felix)]
    [InlineData("agent", "felix", PolicySource.Felix)]
    [InlineData("agent", "off", PolicySource.Off)]
    [InlineData("watch", "agent", PolicySource.Agent)]
    [InlineData("agent", "agent", PolicySource.Agent)]
    public void Policy_is_watched_where_services_are(string services, string policy, object source)
    {
        var settings = Load($$"""
            { "Node": { "Name": "n", "PodRanges": ["10.244.1.0/24"], "VirtualRanges": ["10.96.0.0/12"] },
              "Services": { "Source": "{{services}}" }, "Policy": { "Source": "{{policy}}" } }
            """);

        Assert.Equal(source, settings.Policy.Source);
    }

    [Fact]
    public void The_reference_documents_every_key_and_its_default()
    {
        var rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs/configuration.md"))
            .SkipWhile(l => l != "## inframanager.json").TakeWhile(l => l != "## host-stub.json")
            .Where(l => l.StartsWith("| `", StringComparison.Ordinal))
            .Select(l => l.Split('|', StringSplitOptions.TrimEntries))
            .ToDictionary(c => c[1].Trim('`'), c => c[2]);
        var defaults = SettingsLoader.Defaults();
        Assert.Equal(defaults.Keys.Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        foreach (var (key, fallback) in defaults)
        {
            if (rows[key].StartsWith('`') && key is not "Pipeline:Directory")
            {
                Assert.Equal($"`{fallback}`", rows[key]);
            }
            else if (key is not ("Node:Name" or "Node:PodRanges"))
            {
                Assert.Equal("", fallback);
            }
        }
    }

    private Settings Load(string json, params (string Name, string Value)[] environment) =>
        SettingsLoader.Load(_folder.Write("c.json", json), environment.ToDictionary(e => e.Name, e => e.Value));
}
