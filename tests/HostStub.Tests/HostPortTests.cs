using System.Text.Json.Nodes;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

/// <summary>Host ports (capability portMappings): how they are read, and that the ACC gets them.</summary>
public sealed class HostPortTests
{
    [Theory]
    [InlineData("[]", "")]
    [InlineData("null", "")]
    [InlineData("[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}]", "8080/TCP > 80")]
    [InlineData("[{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"TCP\",\"HostIP\":\"\"}]", "8080/TCP > 80")]
    [InlineData("[{\"hostPort\":1,\"containerPort\":65535,\"protocol\":\"Sctp\",\"hostIP\":\"0.0.0.0\"}]", "0.0.0.0:1/SCTP > 65535")]
    [InlineData("[{\"hostPort\":65535,\"containerPort\":1,\"protocol\":\"udp\",\"hostIP\":\"::\"}]", "[::]:65535/UDP > 1")]
    [InlineData("[{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"udp\",\"hostIP\":\"::ffff:192.0.2.1\"}]", "192.0.2.1:1/UDP > 1")]
    [InlineData("[{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"udp\",\"hostIP\":\"127.0.0.1\",\"x\":5}]", "127.0.0.1:1/UDP > 1")]
    // Without a host port there is nothing to map, whatever the rest says.
    [InlineData("[{\"hostPort\":0,\"containerPort\":0,\"protocol\":\"icmp\"},{\"containerPort\":80,\"hostIP\":\"x\"},{}]", "")]
    public void Host_ports_are_read(string json, string expected)
    {
        var ports = Parse(json).HostPorts;
        Assert.Equal(expected, string.Join(", ", ports.Select(p => $"{p} > {p.PodPort}")));
        Assert.Equal(ports, ports.Select(p => HostPort.FromStored(p.ToStored())));
    }

    [Theory]
    [InlineData("{}", 6, "runtimeConfig.portMappings")]
    [InlineData("[5]", 6, "runtimeConfig.portMappings")]
    [InlineData("[{\"hostPort\":\"80\"}]", 6, "runtimeConfig.portMappings[0].hostPort")]
    [InlineData("[{},{\"hostPort\":80,\"containerPort\":1.5}]", 6, "runtimeConfig.portMappings[1].containerPort")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80,\"protocol\":6}]", 6, "runtimeConfig.portMappings[0].protocol")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80,\"hostIP\":[]}]", 6, "runtimeConfig.portMappings[0].hostIP")]
    [InlineData("[{\"hostPort\":-1,\"containerPort\":80,\"protocol\":\"tcp\"}]", 7, "portMappings[0].hostPort")]
    [InlineData("[{\"hostPort\":65536,\"containerPort\":80,\"protocol\":\"tcp\"}]", 7, "portMappings[0].hostPort")]
    [InlineData("[{\"hostPort\":80,\"protocol\":\"tcp\"}]", 7, "portMappings[0].containerPort")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":65536,\"protocol\":\"tcp\"}]", 7, "portMappings[0].containerPort")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80}]", 7, "portMappings[0].protocol")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80,\"protocol\":\"icmp\"}]", 7, "portMappings[0].protocol")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80,\"protocol\":\"tcp\",\"hostIP\":\"10.1\"}]", 7, "portMappings[0].hostIP")]
    [InlineData("[{\"hostPort\":80,\"containerPort\":80,\"protocol\":\"tcp\",\"hostIP\":\"node\"}]", 7, "portMappings[0].hostIP")]
    public void An_invalid_mapping_is_refused_with_its_field(string json, int code, string field)
    {
        var e = Assert.Throws<CniException>(() => Parse(json));
        Assert.Equal(code, e.Code);
        Assert.Contains(field, e.OneLine, StringComparison.Ordinal);
    }

    [Fact]
    public void More_host_ports_than_the_ACC_takes_are_refused()
    {
        static string Of(int count) => new JsonArray([.. Enumerable.Range(1, count).Select(i => Mapping(i, 80))]).ToJsonString();
        Assert.Equal(64, Parse(Of(64)).HostPorts.Count);
        Assert.Contains(
            "65 host ports are more than 64", Assert.Throws<CniException>(() => Parse(Of(65))).OneLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_ACC_gets_them_with_the_pod_and_again_with_each_Sync()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        lab.Acc.Model.HostPortProblems = ["host port 127.0.0.1:53/UDP is not served: because"];
        var result = (await lab.RunAsync("ADD", pod, change: Map)).Succeeded().Output!;
        PortMapping[] expected =
        [
            new() { Protocol = 6, Port = 8080, PodPort = 80 },
            new() { Protocol = 17, Port = 53, PodPort = 5353, Address = ByteString.CopyFrom(127, 0, 0, 1) },
        ];
        Assert.Equal(expected, Assert.Single(lab.Acc.Model.Pods).HostPorts);
        Assert.True(lab.Log.Contains("host port 127.0.0.1:53/UDP is not served"));
        (await lab.RunAsync("CHECK", pod, prevResult: result, change: Map)).Succeeded();

        lab.Acc.Model.LoseDatabase();
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Equal(expected, Assert.Single(lab.Acc.Model.Pods).HostPorts);

        // Without its own database, the agent learns them from the ACC.
        await lab.StopAgentAsync();
        lab.LoseDatabase();
        await lab.StartAgentAsync();
        Assert.Equal(expected, Assert.Single(lab.Acc.Model.Pods).HostPorts);
        (await lab.RunAsync("DEL", pod, prevResult: result)).Succeeded();
        Assert.Empty(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task A_host_port_that_the_ACC_refuses_is_named_as_the_runtime_knows_it()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        lab.Acc.Model.AttachFailure = new RpcException(
            new Status(StatusCode.AlreadyExists, "host_ports[0]: 8080/TCP is already a host port of pod default/web"));
        var refused = (await lab.RunAsync("ADD", lab.NewPod(), change: Map)).Failed(7);
        Assert.Contains("runtimeConfig.portMappings is refused", refused.Message, StringComparison.Ordinal);
        Assert.Contains("8080/TCP is already a host port of pod default/web", refused.Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();

        // A limit is not the request's fault.
        lab.Acc.Model.AttachFailure = new RpcException(new Status(StatusCode.ResourceExhausted, "host_ports: the node would have too many"));
        Assert.Contains("too many", (await lab.RunAsync("ADD", lab.NewPod(), change: Map)).Failed(11).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_ACC_that_does_not_know_host_ports_fails_the_pod_and_the_message_says_what_to_do()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        lab.Acc.Model.KnowsHostPorts = false;
        var refused = (await lab.RunAsync("ADD", lab.NewPod(), change: Map)).Failed(2);
        Assert.Contains("update inframanager", refused.Message, StringComparison.Ordinal);
        Assert.Empty(lab.Acc.Model.Pods);
        lab.AssertNothingLeft();
        // Other pods do not need it.
        (await lab.RunAsync("ADD", lab.NewPod())).Succeeded();
    }

    private static void Map(JsonObject config) => config["runtimeConfig"] = new JsonObject
    {
        ["portMappings"] = new JsonArray(Mapping(8080, 80), Mapping(53, 5353, "UDP", "127.0.0.1"), Mapping(0, 9)),
    };

    private static JsonObject Mapping(int hostPort, int containerPort, string protocol = "tcp", string hostIP = "") => new()
    {
        ["hostPort"] = hostPort,
        ["containerPort"] = containerPort,
        ["protocol"] = protocol,
        ["hostIP"] = hostIP,
    };

    private static CniNetworkConfig Parse(string mappings) => CniNetworkConfig.Parse(
        System.Text.Encoding.UTF8.GetBytes(
            "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"ipam\":{\"type\":\"x\"},\"runtimeConfig\":{\"portMappings\":" + mappings + "}}"),
        "ADD");
}
