using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Migration;

/// <summary>What `inframanager migrate` prints, writes and refuses. The databases are texts as 24.01's manager writes them.</summary>
public sealed class MigrateCommandTests : IDisposable
{
    // encoding/json with an indentation of one space, keys sorted.
    private const string Endpoints = """
        {
         "10.244.0.2": {
          "ModPtr": 0,
          "InterfaceID": 2,
          "PodIpAddress": "10.244.0.2",
          "PodMacAddress": "9a:00:00:00:00:02"
         },
         "10.244.0.3": {
          "ModPtr": 0,
          "InterfaceID": 3,
          "PodIpAddress": "10.244.0.3",
          "PodMacAddress": "9a:00:00:00:00:03"
         },
         "169.254.1.1": {
          "ModPtr": 0,
          "InterfaceID": 0,
          "PodIpAddress": "169.254.1.1",
          "PodMacAddress": "00:0f:00:04:03:14"
         },
         "192.0.2.10": {
          "ModPtr": 0,
          "InterfaceID": 1,
          "PodIpAddress": "192.0.2.10",
          "PodMacAddress": "9a:00:00:00:00:01"
         },
         "200.1.1.2": {
          "ModPtr": 0,
          "InterfaceID": 1,
          "PodIpAddress": "200.1.1.2",
          "PodMacAddress": "9a:00:00:00:00:01"
         }
        }
        """;

    private const string Services = """
        {
         "10.96.0.10:TCP:80": {
          "ClusterIp": "10.96.0.10",
          "MacAddr": "9a:00:00:00:00:01",
          "Proto": "TCP",
          "Port": 80,
          "GroupID": 3,
          "ServiceEndPoint": {
           "10.244.0.2": {
            "IpAddress": "10.244.0.2",
            "Port": 8080,
            "MemberID": 50,
            "ModBlobPtrDNAT": 50
           },
           "10.244.0.3": {
            "IpAddress": "10.244.0.3",
            "Port": 8080,
            "MemberID": 49,
            "ModBlobPtrDNAT": 49
           }
          },
          "NumEndPoints": 2
         }
        }
        """;

    private const string Setup = """
        {
         "HostInterface": {
          "Ip": "200.1.1.2",
          "Mac": "9a:00:00:00:00:01"
         },
         "SetDefaultRule": true
        }
        """;

    private MigrationFolder _node = new(MigrationFolder.Tap);

    public MigrateCommandTests() => WriteNode();

    public void Dispose() => _node.Dispose();

    [Fact]
    public async Task The_configuration_says_what_the_old_one_and_the_databases_say()
    {
        var config = await _node.MigrateAsync("--taps", "8");
        var expected = $$"""
            {
              "Node": {
                "Name": "node-1",
                "PodRanges": ["10.244.0.0/16"],
                "NodeAddresses": ["192.0.2.10"],
                "HostAddresses": ["200.1.1.2"],
                "VirtualRanges": ["10.96.0.0/12"],
                "GatewayMac": "00:0f:00:04:03:14"
              },
              "Api": {
                "Listen": "127.0.0.1:50002",
                "HealthListen": "127.0.0.1:50099",
                "CertificateFile": "/etc/pki/inframanager/server/tls.crt",
                "KeyFile": "/etc/pki/inframanager/server/tls.key",
                "CaFile": "/etc/pki/inframanager/client/ca.crt",
                "FingerprintRoles": { "{{_node.Fingerprint}}": "host:node-1" }
              },
              "Target": {
                "Kind": "external",
                "P4Runtime": "https://localhost:9559",
                "Gnmi": "https://localhost:9339",
                "DeviceId": 1,
                "CertificateFile": "/etc/pki/inframanager/client/tls.crt",
                "KeyFile": "/etc/pki/inframanager/client/tls.key",
                "CaFile": "/etc/pki/inframanager/client/ca.crt",
                "Ports": ["P4TAP_0", "P4TAP_1", "P4TAP_2", "P4TAP_3", "P4TAP_4", "P4TAP_5", "P4TAP_6", "P4TAP_7"],
                "MakePorts": false
              },
              "Pipeline": { "Profile": "dpdk-24.01" },
              "Services": { "Source": "agent" },
              "Store": { "Path": "{{_node.Store}}" },
              "Logging": { "Level": "Information" }
            }
            """;
        Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), config.ToJsonString());
    }

    [Fact]
    public async Task A_node_with_a_separate_ACC_keeps_the_health_port_and_numbers_ports_by_MAC()
    {
        _node.Dispose();
        _node = new MigrationFolder(MigrationFolder.Cdq);
        var (code, output, error) = await _node.RunAsync("--node-address", "192.0.2.10");
        Assert.True(code == 0, error);
        var config = JsonNode.Parse(output)!;
        Assert.Equal("10.10.0.2:50002", (string?)config["Api"]!["Listen"]);
        Assert.Null(config["Api"]!["HealthListen"]);
        Assert.Equal(("es2k-24.01", "mac"), ((string?)config["Pipeline"]!["Profile"], (string?)config["Target"]!["PortRule"]));
        Assert.Contains("has no endpoints: 24.01's manager writes it only when it is stopped with SIGTERM", error);
        Assert.Contains("the host's interface is not in setup_db.json", error);
    }

    [Fact]
    public async Task Every_key_without_a_counterpart_is_named()
    {
        _node.Write("config.yaml", """
            InterfaceType: tap
            P4BinPath: /x
            Colour: blue
            Infrap4dGrpcServer: { addr: "localhost:9559", conn: insecure, client-cert: /x/c }
            Infrap4dGnmiServer: { ca-cert: /x/ca, Weight: 7 }
            INFRAMANAGER: { Addr: "localhost:50002", ciphersuites: [ TLS_AES_256_GCM_SHA384 ], conn: tls, ca-cert: /x/manager-ca }
            LogLevel: Loud
            """);
        var (code, output, error) = await _node.RunAsync("--taps", "8");
        Assert.True(code == 0, error);
        Assert.Equal("/x/manager-ca", (string?)JsonNode.Parse(output)!["Api"]!["CaFile"]);
        foreach (var part in new[]
        {
            "P4BinPath is left out", "Colour is left out: it is unknown", "Infrap4dGnmiServer.Weight is left out: it is unknown",
            "Infrap4dGrpcServer.client-cert is left out", "Infrap4dGnmiServer.ca-cert is left out", "InfraManager.ciphersuites is left out",
            "Infrap4dGrpcServer.conn is \"insecure\"", "InfraManager.conn is \"tls\"", "DeviceId is missing", "LogLevel = \"Loud\" is unknown",
        })
        {
            Assert.Single(error.Split('\n'), l => l.StartsWith("remark: " + part, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Endpoints_and_services_keep_their_numbers()
    {
        await _node.MigrateAsync("--taps", "8");
        var model = Load();
        Assert.Equal(
            ["Host P4TAP_1 9a:00:00:00:00:01 200.1.1.2", "Pod P4TAP_2 9a:00:00:00:00:02 10.244.0.2", "Pod P4TAP_3 9a:00:00:00:00:03 10.244.0.3"],
            model.Endpoints.Values.Select(e => $"{e.Spec.Kind} {e.Spec.PortName} {e.Spec.Mac} {e.Spec.Addresses.Single()}").Order());
        Assert.All(model.Endpoints.Values,
            e => Assert.Equal(("node-1", ApiOrigin.InfraAgent, false), (e.Spec.Node, e.Spec.Origin, e.OwnsPort)));
        var port = Assert.Single(Assert.Single(model.Services.Values).Ports);
        Assert.Equal((3u, 3u), (port.Frontends.Single().Id, port.Cluster.Id));
        Assert.Equal([49u, 50u], port.Cluster.Buckets);
        Assert.Equal(["10.244.0.2:8080 50", "10.244.0.3:8080 49"], port.Backends.Select(b => $"{b.Key} {b.Id}"));
        // Nothing else gets a number of the target's rows.
        Assert.True(model.ServiceIds.Last >= 50);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_node.Store));
        Assert.False(File.Exists(_node.Store + "-wal"));
    }

    [Fact]
    public async Task A_dry_run_prints_the_same_and_writes_nothing()
    {
        var dry = await _node.RunAsync("--taps", "8", "--dry-run");
        Assert.Equal(0, dry.Code);
        Assert.Contains("would be taken over: 2 pods and the host's interface, 1 services", dry.Error);
        Assert.False(File.Exists(_node.Store));
        Assert.Equal(dry.Output, (await _node.RunAsync("--taps", "8")).Output);
    }

    [Fact]
    public async Task A_database_in_use_is_not_overwritten()
    {
        await _node.MigrateAsync("--taps", "8");
        var before = File.ReadAllBytes(_node.Store);
        await RefusedAsync("has rows in its table endpoints: InfraManager has been used with it", "--taps", "8");
        Assert.Equal(before, File.ReadAllBytes(_node.Store));
        using var holder = SqliteStore.Open(_node.Store, NullLogger.Instance);
        await RefusedAsync("is in use by another process", "--taps", "8");
    }

    [Fact]
    public async Task An_empty_database_is_filled()
    {
        SqliteStore.Open(_node.Store, NullLogger.Instance).Dispose();
        await _node.MigrateAsync("--taps", "8");
        Assert.Equal(3, Load().Endpoints.Count);
    }

    [Theory]
    [InlineData("\"ModPtr\": 0,", "\"ModPtr\": 0, \"Colour\": 1,", "is not as 24.01's manager writes it")]
    [InlineData("\"ModPtr\": 0,", "", "is not as 24.01's manager writes it")]
    [InlineData("\"10.244.0.2\": {", "\"10.244.0.9\": {", "the entry \"10.244.0.9\" describes something else")]
    [InlineData("9a:00:00:00:00:02", "none", "endpoint 10.244.0.2: PodMacAddress = \"none\" is not a MAC address")]
    [InlineData("10.244.0.2", "10.99.0.2", "endpoint 10.99.0.2: addresses[0]: 10.99.0.2 is in the virtual address range 10.96.0.0/12")]
    [InlineData("9a:00:00:00:00:02", "9a:00:00:00:00:03", "endpoints 10.244.0.2 and 10.244.0.3 both have the device 9a:00:00:00:00:03")]
    [InlineData("9a:00:00:00:00:02", "9a:00:00:00:00:22", "the device of endpoint 10.244.0.2 (9a:00:00:00:00:22) is not in the agent's folder")]
    [InlineData("\"200.1.1.2\"", "\"200.1.1.9\"", "the host's interface 200.1.1.2 of setup_db.json is not in cni_db.json")]
    public async Task A_wrong_endpoint_is_refused_and_nothing_is_written(string from, string to, string message)
    {
        _node.Write("db/cni_db.json", Endpoints.Replace(from, to, StringComparison.Ordinal));
        await RefusedAsync(message, "--taps", "8");
        Assert.False(File.Exists(_node.Store));
    }

    [Theory]
    [InlineData("\"MemberID\": 50", "\"MemberID\": 51", "the numbers of service 10.96.0.10:80/TCP contradict each other")]
    [InlineData("\"GroupID\": 3", "\"GroupID\": 4", "the numbers of service 10.96.0.10:80/TCP contradict each other")]
    [InlineData("10.96.0.10", "203.0.113.10", "service 203.0.113.10:80/TCP: ClusterIp: 203.0.113.10 is in none of Node:VirtualRanges")]
    [InlineData("TCP", "ICMP", "service 10.96.0.10:80/ICMP: proto: \"ICMP\" is not TCP, UDP or SCTP")]
    [InlineData("\"IpAddress\": \"10.244.0.2\"", "\"IpAddress\": \"10.244.0.3\"", "has the backend 10.244.0.3:8080 twice")]
    public async Task A_wrong_service_is_refused_and_nothing_is_written(string from, string to, string message)
    {
        _node.Write("db/services_db.json", Services.Replace(from, to, StringComparison.Ordinal));
        await RefusedAsync(message, "--taps", "8");
        Assert.False(File.Exists(_node.Store));
    }

    [Fact]
    public async Task An_endpoint_of_a_pod_that_is_gone_can_be_left_out()
    {
        _node.Write("db/cni_db.json", Endpoints.Replace("9a:00:00:00:00:02", "9a:00:00:00:00:03", StringComparison.Ordinal));
        await _node.MigrateAsync("--taps", "8", "--skip", "10.244.0.2");
        Assert.Equal(2, Load().Endpoints.Count);
        await RefusedAsync("--skip 10.244.0.77: no endpoint of the database has this address", "--taps", "8", "--skip", "10.244.0.77");
    }

    [Fact]
    public async Task A_second_address_of_the_node_has_to_be_named()
    {
        _node.Write("db/cni_db.json", Endpoints.Replace(
            "\"169.254.1.1\": {",
            """
            "192.0.2.99": { "ModPtr": 0, "InterfaceID": 1, "PodIpAddress": "192.0.2.99", "PodMacAddress": "9a:00:00:00:00:01" },
             "169.254.1.1": {
            """, StringComparison.Ordinal));
        await RefusedAsync("name the node's address with --node-address", "--taps", "8");
        var config = await _node.MigrateAsync("--taps", "8", "--node-address", "192.0.2.99");
        Assert.Equal("192.0.2.99", (string?)config["Node"]!["NodeAddresses"]![0]);
        Assert.DoesNotContain(Load().Endpoints.Values, e => e.Spec.Addresses.Any(a => a.ToString() == "192.0.2.10"));
    }

    [Fact]
    public async Task What_the_databases_cannot_tell_has_to_be_given()
    {
        await RefusedAsync("give the number of TAPs", "--skip", "10.244.0.2");
        Assert.NotEqual(0, (await _node.RunAsync("--taps", "7")).Code);
        File.Delete(_node.At("agent-client/tls.crt"));
        var (code, output, error) = await _node.RunAsync("--taps", "8", "--dry-run");
        Assert.Equal(0, code);
        Assert.Contains("so Api:FingerprintRoles is left out, and the agent would be refused", error);
        Assert.Null(JsonNode.Parse(output)!["Api"]!["FingerprintRoles"]);
    }

    [Fact]
    public async Task Policies_and_the_missing_package_are_remarked_on()
    {
        _node.Write("db/policy_db.json", "{ \"deny\": {} }");
        var (_, _, error) = await _node.RunAsync("--taps", "8", "--dry-run");
        Assert.Contains("policy_db.json has policies: InfraManager neither reads nor removes their rows", error);
        Assert.Contains("Pipeline:Package is left out, and nobody loads the pipeline after a restart of infrap4d", error);
        _node.Write("package/k8s_dp.pb.bin", "");
        var config = await _node.MigrateAsync("--taps", "8", "--package", _node.At("package/k8s_dp.pb.bin"));
        Assert.Equal(_node.At("package/k8s_dp.pb.bin"), (string?)config["Pipeline"]!["Package"]);
    }

    [Fact]
    public async Task A_service_that_grew_keeps_its_first_numbers_and_resolves_equal_ones()
    {
        _node.Write("db/services_db.json", Services
            .Replace("\"NumEndPoints\": 2", "\"NumEndPoints\": 1", StringComparison.Ordinal)
            .Replace("\"10.244.0.2\": {", "\"10.244.0.9\": { \"IpAddress\": \"10.244.0.9\", \"Port\": 8080, \"MemberID\": 50, "
                + "\"ModBlobPtrDNAT\": 50 }, \"10.244.0.2\": {", StringComparison.Ordinal));
        var (code, _, error) = await _node.RunAsync("--taps", "8");
        Assert.True(code == 0, error);
        Assert.Contains("service 10.96.0.10:80/TCP: 24.01 gave the number 50 to several backends; 10.244.0.9:8080 gets 51", error);
        Assert.Contains("2 of 3 backends were added after the service", error);
        Assert.Equal(["10.244.0.2:8080 50", "10.244.0.3:8080 49", "10.244.0.9:8080 51"],
            Load().Services.Values.Single().Ports[0].Backends.Select(b => $"{b.Key} {b.Id}"));
    }

    private NetworkModel Load()
    {
        using var store = SqliteStore.Open(_node.Store, NullLogger.Instance);
        return store.Load();
    }

    private async Task RefusedAsync(string message, params string[] options)
    {
        var (code, output, error) = await _node.RunAsync(options);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains(message, error);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    private void WriteNode()
    {
        _node.Write("db/cni_db.json", Endpoints);
        _node.Write("db/services_db.json", Services);
        _node.Write("db/setup_db.json", Setup);
        for (var i = 1; i <= 3; i++)
        {
            var file = i == 1 ? "hostInterface-hostInterface" : $"cni-0c5d2a4e-{i}-eth0";
            _node.Write($"agent/tap/{file}",
                $$"""{"pciaddr":"","interfacename":"P4TAP_{{i}}","vfid":0,"macaddr":"9a:00:00:00:00:0{{i}}"}""");
        }
    }
}
