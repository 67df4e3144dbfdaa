using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.Protos.Infra;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using ACCOffload.TestKit.Targets;
using Google.Protobuf;
using P4.V1;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>
/// A node changes over from 24.01's manager with live pods: the soft target runs that release's own package and has the rows that its
/// manager writes.
/// </summary>
public sealed class MigrationTests
{
    private const int Taps = 8;
    private const int FirstPod = 2;
    private const int Pods = 4;
    private const string Virtual = "10.96.0.10";
    private const ushort Port = 9000, ServicePort = 53;

    [Fact]
    public async Task No_packet_is_lost_and_no_row_is_written()
    {
        Needs.Lab();
        Needs.Tap();
        Needs.NotMissing(Infrap4dPackage.MissingFiles);
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await lab.StartTargetAsync();
        var (release, pods) = await FillAsync(lab);

        using var direct = new PacketStream(pods[0], new IPEndPoint(Address(1), Port), [pods[1]], Port);
        using var service = new PacketStream(
            pods[0], new IPEndPoint(IPAddress.Parse(Virtual), ServicePort), [pods[2], pods[3]], ServicePort);
        await Eventually.TrueAsync(() => direct.Received > 100 && service.Received > 100,
            () => $"traffic flows: {direct.Received} of {direct.Sent}, {service.Received} of {service.Sent}");

        // 24.01's manager has stopped: its databases are on the disk, and the rows stay.
        release.WriteDatabases(lab.At("db"));
        release.WriteAgent(lab.At("agent"));
        using var pki = new TestPki();
        using var certificate = pki.IssueFor("", "infraagent-client");
        pki.WriteClient(lab.At("client"), certificate);
        await MigrateAsync(lab);
        await lab.StartManagerAsync();
        var status = await lab.ControlAsync("status");
        Assert.Equal((0, 0, 0), ((int)status["reconcileInserted"]!, (int)status["reconcileModified"]!, (int)status["reconcileDeleted"]!));
        Assert.Equal(Pods + 1, (int)status["endpoints"]!);
        var until = direct.Received + 500;
        await Eventually.TrueAsync(() => direct.Received > until && service.Received > 500, "traffic goes on");

        direct.StopSending();
        service.StopSending();
        foreach (var stream in new[] { direct, service })
        {
            await Eventually.TrueAsync(() => stream.Received == stream.Sent, () => $"{stream.Sent - stream.Received} of {stream.Sent} packets are lost");
            Assert.Equal(0, stream.Duplicates);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"0 of {direct.Sent} packets between pods and 0 of {service.Sent} packets to a service lost");
        await AgentGoesOnAsync(lab, pods);
    }

    /// <summary>
    /// The agent, whose certificate has no role, removes a pod that it added before, and adds another one on the same device.
    /// </summary>
    private static async Task AgentGoesOnAsync(Lab lab, string[] pods)
    {
        var folder = lab.At("agent-client");
        Directory.CreateDirectory(folder);
        File.Copy(lab.At("client/tls.crt"), $"{folder}/tls.crt");
        File.Copy(lab.At("client/tls.key"), $"{folder}/tls.key");
        File.Copy($"{lab.Pki}/ca.crt", $"{folder}/ca.crt");
        using var channel = Channels.Tls("accoffload-acc", IPEndPoint.Parse("192.0.2.1:50002"), lab.HostNamespace, folder);
        var agent = new InfraAgent.InfraAgentClient(channel);
        var mac = await MacAsync(pods[1], "eth0");
        var removed = await agent.DeleteNetworkAsync(new DeleteNetworkRequest
        {
            DelRequest = new DelRequest { Netns = "/var/run/netns/cni-1", InterfaceName = "eth0" },
            HostIfName = Device(1),
            MacAddr = mac,
            Ipv4Addr = $"{Address(1)}/32",
        });
        Assert.True(removed.Successful);
        Assert.Equal(Pods, (int)(await lab.ControlAsync("status"))["endpoints"]!);

        var next = IPAddress.Parse("10.244.1.77");
        await Shell.RunLineAsync(pods[1], $"ip addr replace {next}/32 dev eth0").Succeeded();
        var request = new CreateNetworkRequest
        {
            AddRequest = new AddRequest { Netns = "/var/run/netns/cni-77", InterfaceName = "eth0" },
            HostIfName = Device(1),
            MacAddr = mac,
        };
        request.AddRequest.ContainerIps.Add(new IPConfig { Address = $"{next}/32" });
        Assert.True((await agent.CreateNetworkAsync(request)).Successful);
        Assert.True(await Lab.PingAsync(pods[0], next.ToString()), "the new pod is reached");
    }

    private static async Task MigrateAsync(Lab lab)
    {
        var config = lab.At("inframanager-config.yaml");
        var authorities = lab.At("authorities.crt");
        File.WriteAllText(authorities, File.ReadAllText(lab.At("client/ca.crt")) + File.ReadAllText($"{lab.Pki}/ca.crt"));
        File.WriteAllText(config, $$"""
            Infrap4dGrpcServer: { addr: "unix:{{lab.TargetSocket}}", conn: mtls }
            Infrap4dGnmiServer: { addr: "unix:{{lab.TargetSocket}}", conn: mtls }
            InfraManager:
              addr: 192.0.2.1:50002
              arp-mac: "{{Release2401.ArpMac}}"
              server-cert: {{lab.Pki}}/acc-server/tls.crt
              server-key: {{lab.Pki}}/acc-server/tls.key
              ca-cert: {{authorities}}
              conn: mtls
            InterfaceType: tap
            DeviceId: 1
            """);
        var result = await Shell.RunAsync(null, Published.InfraManager,
        [
            "migrate", "--from-config", config, "--from-db", lab.At("db"), "--agent-folder", lab.At("agent"), "--agent-certificate",
            lab.At("client/tls.crt"), "--package", Infrap4dPackage.File, "--store", lab.At("inframanager.db"), "--node", "node-1", "--taps",
            $"{Taps}", "--pod-range", "10.244.1.0/24", "--service-range", "10.96.0.0/16",
        ]);
        result.MustSucceed();
        File.WriteAllText(lab.ManagerConfig, JsonNode.Parse(result.Output)!.AsObject().WithControl(lab.ControlSocket).ToJsonString());
    }

    /// <summary>What 24.01 leaves on a node: TAPs, of which the second is the host's; its package; rows; and pods.</summary>
    private static async Task<(Release2401 Release, string[] Pods)> FillAsync(Lab lab)
    {
        for (var i = 0; i < Taps; i++)
        {
            await TapCreator.CreateAsync($"P4TAP_{i}", lab.TargetSocket);
        }

        var info = P4InfoText.Parse(await File.ReadAllTextAsync(Infrap4dPackage.InfoFile));
        using var reader = new TargetReader(lab);
        var ports = await reader.PortsAsync();
        var release = new Release2401(info, isE2100: false);
        var pods = new string[Pods];
        release.Start(ports["P4TAP_0"]);
        release.SetHost(await MacAsync(lab.PortNamespace, "P4TAP_1"), ports["P4TAP_1"], "192.0.2.2", "P4TAP_1");
        for (var i = 0; i < Pods; i++)
        {
            var pod = pods[i] = await lab.AddNamespaceAsync($"pod{i}");
            release.AddEndpoint(Address(i).ToString(), await MacAsync(lab.PortNamespace, Device(i)), ports[Device(i)], Device(i));
            await Shell.RunLineAsync(lab.PortNamespace, $"ip link set {Device(i)} netns {pod} name eth0").Succeeded();
            foreach (var line in new[]
            {
                "ip link set eth0 up mtu 1280", $"ip addr add {Address(i)}/32 dev eth0",
                $"ip neigh add {Release2401.Gateway} lladdr {Release2401.ArpMac} dev eth0 nud permanent",
                $"ip route add {Release2401.Gateway} dev eth0 scope link", $"ip route add default via {Release2401.Gateway} dev eth0",
            })
            {
                await Shell.RunLineAsync(pod, line).Succeeded();
            }
        }

        release.AddService(Virtual, "UDP", ServicePort, (Address(2).ToString(), ServicePort), (Address(3).ToString(), ServicePort));
        await using var manager = await RawP4Runtime.ConnectAsync(lab.TargetSocket);
        await manager.PushAsync(info, ByteString.CopyFrom(await File.ReadAllBytesAsync(Infrap4dPackage.File)), cookie: 0);
        // One RPC for each row, as that manager does.
        foreach (var row in release.Rows)
        {
            await manager.WriteAsync(new Update { Type = Update.Types.Type.Insert, Entity = row });
        }

        return (release, pods);
    }

    private static IPAddress Address(int pod) => IPAddress.Parse($"10.244.1.{pod + 2}");

    private static string Device(int pod) => $"P4TAP_{pod + FirstPod}";

    private static async Task<string> MacAsync(string netns, string device)
    {
        var links = await Shell.RunLineAsync(netns, $"ip -j link show {device}").Succeeded();
        return (string)JsonNode.Parse(links.Output)![0]!["address"]!;
    }
}
