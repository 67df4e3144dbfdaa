using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Metrics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.InfraManager.Tests.Hosting;

/// <summary>
/// The service as a process: exit codes, signals, systemd, and the full path from an Attach to the embedded target's tables.
/// </summary>
public sealed class ProcessTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly List<Process> _processes = [];

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.Dispose();
        }
        _pki.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_version_is_printed()
    {
        var (code, output, _) = await RunAsync("--version");
        Assert.Equal(0, code);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("soft-target")]
    public async Task An_invalid_value_exits_with_78_and_one_line(string command)
    {
        var file = _folder.Write("c.json", InfraManagerJson.Create().Set("Logging:Level", "Loud").ToJsonString());
        var (code, output, error) = await RunAsync(command, "--config", file);
        Assert.Equal(78, code);
        Assert.Equal("", output);
        Assert.Equal($"{file}: Logging:Level = \"Loud\": is not a log level; give Trace, Debug, Information, Warning, Error, Critical or "
            + $"None\n", error);
    }

    [Fact]
    public async Task An_unusable_certificate_exits_with_78_and_one_line()
    {
        var file = WriteConfiguration();
        File.Delete(_folder.At("tls.crt"));
        var (code, _, error) = await RunAsync("--config", file);
        Assert.Equal(78, code);
        Assert.Equal($"{_folder.At("tls.crt")}: Api:CertificateFile: no such file; make certificates with 'make certs', or name the right "
            + $"file\n", error);
        Assert.False(File.Exists(_folder.At("control.sock")));
    }

    [Fact]
    public async Task A_missing_pipeline_exits_with_78_and_one_line()
    {
        var (code, _, error) = await RunAsync("run", "--config", WriteConfiguration(pipeline: _folder.At("nowhere")));
        Assert.Equal(78, code);
        Assert.StartsWith($"{_folder.At("c.json")}: Pipeline:Directory = \"{_folder.At("nowhere")}\": ", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task The_service_starts_reloads_and_stops_as_systemd_expects()
    {
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        notify.Bind(new UnixDomainSocketEndPoint(_folder.At("notify")));
        var file = WriteConfiguration();
        var service = Start(new() { ["NOTIFY_SOCKET"] = _folder.At("notify"), ["WATCHDOG_USEC"] = "200000" }, "run", "--config", file);
        Assert.StartsWith("READY=1\nSTATUS=Serving node node-1 on ", await ReceiveAsync(notify), StringComparison.Ordinal);
        Assert.Equal("WATCHDOG=1", await ReceiveAsync(notify));
        // From here on nobody reads the notifications for a while, which must not block the service.
        // READY means that requests are served now.
        var status = JsonNode.Parse(await CtlAsync("status"))!;
        Assert.Equal("node-1", (string?)status["node"]);
        await Eventually.TrueAsync(async () => (bool)JsonNode.Parse(await CtlAsync("status"))!["reconciled"]!,
            "the tables equal the model");

        // A second instance finds the store in use.
        var (code, _, error) = await RunAsync("run", "--config", file);
        Assert.Equal(1, code);
        Assert.Contains("in use by another process", Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);

        Kill(service, "HUP");
        Kill(service, "TERM");
        while (await ReceiveAsync(notify) is var state && state != "STOPPING=1")
        {
            Assert.Equal("WATCHDOG=1", state);
        }

        await service.WaitForExitAsync();
        Assert.Equal(0, service.ExitCode);
    }

    [Fact]
    public async Task A_Felix_that_connects_to_the_socket_opens_the_pods_that_it_knows()
    {
        Needs.Root();
        var listen = FreePort();
        Start([], "--config", WriteConfiguration(listen, policy: "felix"), "run");
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        using var channel = Connect(listen);
        var client = new Offload.OffloadClient(channel);
        for (var i = 0; i < 3; i++)
        {
            await client.BeginAsync(new BeginRequest { Agent = $"agent-{i}" });
        }

        await client.AttachAsync(Requests.Attach());
        Assert.Equal("4294967294", await IngressSetAsync());
        Assert.Equal(
            (false, $"no Felix is connected to {_folder.At("felix.sock")}; traffic of pods is dropped until Felix has sent its policy"),
            await PolicyAsync());

        var felix = new FelixWriter(FelixDialect.Kinds);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_folder.At("felix.sock")));
        foreach (var message in (byte[][])[
            felix.Policy("default.web", [FelixWriter.Rule("allow")], []),
            felix.Endpoint("default/web-0", ["10.244.1.2/32"], [new FelixTierText("default", "Deny", ["default.web"], [])], []),
            felix.InSync()])
        {
            await socket.SendAsync(FelixFrames.Encode(message));
        }

        await Eventually.TrueAsync(async () => await PolicyAsync() == (true, ""), () => $"in sync: {_log}");
        Assert.NotEqual("4294967294", await IngressSetAsync());

        async Task<string> IngressSetAsync() => JsonNode.Parse(await CtlAsync("tables", "pods"))!["tables"]![0]!["rows"]!.AsArray()
            .Single(r => (string?)r!["match"]!["dst_ip"] == "10.244.1.2")!["params"]!["ingress_set"]!.ToString();

        async Task<(bool, string)> PolicyAsync()
        {
            var policy = JsonNode.Parse(await CtlAsync("status"))!["conditions"]!.AsArray().Single(c => (string?)c!["name"] == "Policy")!;
            return ((bool?)policy["ok"] == true, (string?)policy["reason"] ?? "");
        }
    }

    [Fact]
    public async Task Policy_that_a_24_01_agent_forwards_judges_packets_in_the_pipeline()
    {
        Needs.Root();
        var listen = FreePort();
        Start([], "--config", WriteConfiguration(listen, policy: "agent"), "run");
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        using var channel = Connect(listen);
        var agent = new ForwardingAgent(() => channel);
        var pods = new Protos.Infra.InfraAgent.InfraAgentClient(channel);
        await pods.CreateNetworkAsync(Requests.CreateNetwork());
        var other = Requests.CreateNetwork();
        (other.HostIfName, other.MacAddr, other.AddRequest.Netns) = ("tap4", "02:00:00:00:00:03", "/var/run/netns/cni-2");
        (other.AddRequest.Workload.Pod, other.AddRequest.ContainerIps[0].Address) = ("web-1", "10.244.1.3/32");
        await pods.CreateNetworkAsync(other);
        Assert.Contains("the agent has not started since inframanager did", await PolicyAsync(), StringComparison.Ordinal);
        Assert.Equal("policy_pending", await TraceAsync(80));

        // Port 81 is denied, and the client is excepted from the block that may reach port 82.
        await agent.StartAsync();
        var felix = new FelixWriter(FelixDialect.Names);
        var tiers = new[] { new FelixTierText("default", "Deny", ["default.web"], []) };
        await agent.ForwardAsync(
            felix.Policy(
                "default.web",
                [
                    FelixWriter.Rule("deny", r => Port(r, 81)),
                    FelixWriter.Rule("allow", r => Port(r.Text(4, "10.244.1.0/24").Text(103, "10.244.1.3/32"), 82)),
                    FelixWriter.Rule("allow", r => Port(r, 80)),
                    FelixWriter.Rule("allow", r => Port(r, 81)),
                ],
                []),
            felix.Profile("all", [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
            felix.Endpoint("default/web-0", ["10.244.1.2/32"], tiers, ["all"]),
            felix.Endpoint("default/web-1", ["10.244.1.3/32"], [], ["all"]));
        await Eventually.TrueAsync(async () => await PolicyAsync() == "", () => $"in sync: {_log}");

        Assert.Equal("", await TraceAsync(80));
        Assert.Equal("policy_ingress", await TraceAsync(81));
        Assert.Equal("policy_ingress", await TraceAsync(82));
        Assert.Contains("agent", await CtlAsync("policy"), StringComparison.Ordinal);

        static void Port(ProtoWriter rule, ulong port) => rule
            .Message(3, new ProtoWriter().Text(2, "tcp")).Message(7, new ProtoWriter().Number(1, port).Number(2, port));

        async Task<string> TraceAsync(int port) => (string?)JsonNode.Parse(await CtlAsync(
            "trace", "--from-pod", "web-1", "--dst", "10.244.1.2", "--proto", "tcp", "--dport", $"{port}"))!["dropReason"] ?? "";

        async Task<string> PolicyAsync() => (string?)JsonNode.Parse(await CtlAsync("status"))!["conditions"]!.AsArray()
            .Single(c => (string?)c!["name"] == "Policy")!["reason"] ?? "";
    }

    [Fact]
    public async Task An_attach_reaches_the_tables_of_the_embedded_target()
    {
        Needs.Root();
        var listen = FreePort();
        var service = Start([], "--config", WriteConfiguration(listen), "run");
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        using var channel = Connect(listen);
        var client = new Offload.OffloadClient(channel);
        // The requests below use the third epoch.
        for (var i = 0; i < 3; i++)
        {
            await client.BeginAsync(new BeginRequest { Agent = $"agent-{i}" });
        }

        var reply = await client.AttachAsync(Requests.Attach());
        Assert.Equal(1u, reply.Port);
        var endpoint = JsonNode.Parse(await CtlAsync("endpoints"))!["endpoints"]![0]!;
        Assert.Equal(("programmed", 1), ((string?)endpoint["state"], (int)endpoint["port"]!));
        var pods = JsonNode.Parse(await CtlAsync("tables", "pods"))!["tables"]![0]!["rows"]!.AsArray();
        Assert.Equal(("10.244.1.2", "02:00:00:00:00:01"), ((string?)pods[0]!["match"]!["dst_ip"], (string?)pods[0]!["params"]!["dst_mac"]));

        // A packet to the pod itself, and one with a spoofed source.
        var trace = JsonNode.Parse(await CtlAsync("trace", "--from-pod", "web-0", "--dst", "10.244.1.2"))!;
        Assert.Equal(("sent", 1), ((string?)trace["fate"], (int)trace["outPort"]!));
        trace = JsonNode.Parse(await CtlAsync("trace", "--from-pod", "web-0", "--dst", "10.244.1.2", "--src", "10.244.1.77"))!;
        Assert.Equal(("dropped", "spoofed_ip"), ((string?)trace["fate"], (string?)trace["dropReason"]));

        // Refused requests change nothing, and a refusal names the invalid field.
        var spoiled = Requests.Attach();
        spoiled.Key.ContainerId = "c2";
        spoiled.Device.PortName = "acc0123456789b";
        var e = await Assert.ThrowsAsync<RpcException>(async () => await client.AttachAsync(spoiled));
        Assert.Equal(StatusCode.AlreadyExists, e.StatusCode);
        spoiled.Device.Mac = ByteString.CopyFrom(2, 0, 0, 0, 0, 2);
        spoiled.Addresses[0] = ByteString.CopyFrom(10, 9, 9, 9);
        e = await Assert.ThrowsAsync<RpcException>(async () => await client.AttachAsync(spoiled));
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.StartsWith("addresses[0]: ", e.Status.Detail, StringComparison.Ordinal);
        Assert.Single(JsonNode.Parse(await CtlAsync("endpoints"))!["endpoints"]!.AsArray());

        using var watch = new Grpc.Health.V1.Health.HealthClient(channel).Watch(new Grpc.Health.V1.HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True((await client.DetachAsync(new DetachRequest { Key = Requests.Attach().Key, Epoch = 3, Sequence = 5 })).Removed);
        // Only the node's own rows are left.
        var left = JsonNode.Parse(await CtlAsync("tables"))!["tables"]!.AsArray().SelectMany(t => t!["rows"]!.AsArray());
        Assert.All(left, r => Assert.True(NodeRows.Has((string?)r!["action"]), r!.ToJsonString()));

        // An open stream does not delay the exit.
        Kill(service, "TERM");
        await service.WaitForExitAsync();
        Assert.Equal(0, service.ExitCode);
        Assert.Contains("Stopped", _log.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.At("control.sock")));
        Assert.False(File.Exists(_folder.At("p4rt.sock")));
    }

    [Fact]
    public async Task The_service_programs_the_hardware_package()
    {
        var listen = FreePort();
        await using var server = await Package.PackageServer.StartAsync(_folder.At("p4rt.sock"), Package.PackageInfo.Es2k());
        var json = JsonNode.Parse(File.ReadAllText(WriteConfiguration(listen, kind: "external")))!;
        json["Target"]!["PortRule"] = "mac";
        json["Pipeline"] = new JsonObject { ["Profile"] = "es2k-24.01" };
        json["Services"] = new JsonObject { ["Source"] = "agent" };
        json["Node"]!["VirtualRanges"] = new JsonArray("10.96.0.0/12");
        json["Node"]!["GatewayMac"] = "00:04:00:00:03:14";
        json["ArpProxy"] = new JsonObject { ["Interface"] = "nosuch0" };
        json["Subfunctions"] = new JsonObject { ["acc1"] = "pci/0000:01:00.0 sf 4 mac 00:09:00:00:03:14" };
        File.WriteAllText(_folder.At("c.json"), json.ToJsonString());
        var service = Start([], "run", "--config", _folder.At("c.json"));
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        var status = JsonNode.Parse(await CtlAsync("status"))!;
        Assert.Equal(("es2k-24.01", "0000000000002401"), ((string?)status["pipeline"], (string?)status["cookie"]));
        Assert.Contains("nosuch0", (string?)status["arpProxy"], StringComparison.Ordinal);

        using var channel = Connect(listen);
        var client = new Offload.OffloadClient(channel);
        // The requests below use the third epoch.
        for (var i = 0; i < 3; i++)
        {
            await client.BeginAsync(new BeginRequest { Agent = $"agent-{i}" });
        }

        var attach = Requests.Attach();
        attach.Device = new Device { Kind = "vf", PortName = "acc0123456789a", Mac = ByteString.CopyFrom(0, 0x0a, 0, 0, 3, 0x14) };
        Assert.Equal(26u, (await client.AttachAsync(attach)).Port);
        await CtlAsync("service-add", "default/web", "--address", "10.96.0.7", "--port", "80:8080", "--backend", "10.244.1.2");
        Assert.Equal(64, server.Lines("tx_balance").Length);
        Assert.Equal(["arp_to_port_table a9fe0101 -> set_dest_vport(14)", "arp_to_port_table af40102 -> set_dest_vport(1a)"],
            server.Lines("arp_to_port_table"));
        var vports = JsonNode.Parse(await CtlAsync("vports"))!;
        Assert.Equal((26, "10", "default/web-0"),
            ((int)vports["vports"]![0]!["port"]!, (string?)vports["vports"]![0]!["vsi"], (string?)vports["vports"]![0]!["endpoints"]![0]));
        Assert.Equal(["acc1 25 9 subfunction", "nosuch0 20 4 arp"],
            vports["own"]!.AsArray().Select(v => $"{v!["name"]} {v["port"]} {v["vsi"]} {v["use"]}"));
        var services = JsonNode.Parse(await CtlAsync("services"))!["services"]!.AsArray();
        Assert.Equal("programmed", (string?)Assert.Single(services)!["state"]);

        // After a kill the rows stay, and the next process writes nothing.
        service.Kill();
        await service.WaitForExitAsync();
        var (rows, updates) = (server.Lines(), server.Updates);
        service = Start([], "run", "--config", _folder.At("c.json"));
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["reconciled"] == true, () => $"reconciled: {_log}");
        Assert.Equal((updates, 0), (server.Updates, server.Pushes));
        Assert.Equal(rows, server.Lines());
        await CtlAsync("service-remove", "default/web");
        Assert.True((await client.DetachAsync(new DetachRequest { Key = attach.Key, Epoch = 3, Sequence = 5 })).Removed);
        Assert.Equal(17, server.Lines().Length);
        Assert.Empty(server.Refused);
        Kill(service, "TERM");
        await service.WaitForExitAsync();
        Assert.Equal(0, service.ExitCode);
    }

    [Fact]
    public async Task The_service_makes_its_own_interface_to_the_uplink_and_says_what_it_lacks()
    {
        Needs.Root();
        var name = $"imu-{Guid.NewGuid():N}";
        var json = JsonNode.Parse(File.ReadAllText(WriteConfiguration()))!.AsObject()
            .Set("SoftTarget:PortNamespace", $"/run/netns/{name}p")
            .Set("Node:Uplink", new JsonObject
            {
                ["Port"] = "eth1",
                ["Mac"] = "02:00:00:00:00:99",
                ["Addresses"] = new JsonArray("192.0.2.10/24"),
                ["Routes"] = new JsonArray("0.0.0.0/0 via 192.0.2.1"),
                ["Exception"] = new JsonObject { ["Namespace"] = $"/run/netns/{name}u" },
            });
        File.WriteAllText(_folder.At("c.json"), json.ToJsonString());
        try
        {
            var service = Start([], "run", "--config", _folder.At("c.json"));
            await Eventually.TrueAsync(
                async () => (string?)Uplink(await TryCtlAsync("status"))?["reason"] == "no answer from gateway 192.0.2.1",
                () => $"the gateway is named: {_log}");
            Assert.False((bool)Uplink(await TryCtlAsync("status"))!["preventsAdds"]!);
            // The target has bound the port to its end of the pair.
            await Eventually.TrueAsync(
                async () => JsonNode.Parse(await CtlAsync("vports"))!["vports"]!.AsArray().Any(
                    v => (string?)v!["name"] == "accx0" && (string?)v["problem"] == ""),
                () => $"the port is bound: {_log}");
            Kill(service, "TERM");
            await service.WaitForExitAsync();
            Assert.Equal(0, service.ExitCode);
        }
        finally
        {
            ACCOffload.NativeInterop.Syscalls.NetNamespace.DeleteNamed(name + "p");
            ACCOffload.NativeInterop.Syscalls.NetNamespace.DeleteNamed(name + "u");
        }

        static JsonNode? Uplink(JsonNode? status) => status?["conditions"]?.AsArray().FirstOrDefault(c => (string?)c!["name"] == "Uplink");
    }

    [Fact]
    public async Task Metrics_are_served_on_a_separate_listener()
    {
        Needs.Root();
        var (listen, metrics) = (FreePort(), FreePort());
        var json = JsonNode.Parse(File.ReadAllText(WriteConfiguration(listen)))!;
        json["Metrics"] = new JsonObject { ["Listen"] = $"127.0.0.1:{metrics}" };
        File.WriteAllText(_folder.At("c.json"), json.ToJsonString());
        Start([], "run", "--config", _folder.At("c.json"));
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        using var channel = Connect(listen);
        var client = new Offload.OffloadClient(channel);
        for (var i = 0; i < 3; i++)
        {
            await client.BeginAsync(new BeginRequest { Agent = $"agent-{i}" });
        }

        await client.AttachAsync(Requests.Attach());

        var scrape = await Scrape.GetAsync(metrics);
        Assert.Equal((1, 0),
            (scrape["accoffload_table_entries{table=\"pods\"}"], scrape["accoffload_reconcile_differences{table=\"pods\"}"]));
        Assert.Equal((1, 1), (scrape["accoffload_target_connected"], scrape["accoffload_attach_seconds_count{phase=\"program\"}"]));
        Assert.True(scrape["accoffload_writes_total{result=\"applied\"}"] > 0 && scrape["accoffload_write_seconds_sum"] > 0, scrape.Text);
        Assert.Equal(0, scrape["accoffload_drops_total{reason=\"spoofed_mac\"}"]);

        // A second service on that address exits at once and names the key.
        json["Store"]!["Path"] = _folder.At("other.db");
        json["Api"]!["Listen"] = "127.0.0.1:0";
        json["Control"]!["Socket"] = _folder.At("other.sock");
        json["SoftTarget"]!["Listen"] = $"unix:{_folder.At("other-p4rt.sock")}";
        File.WriteAllText(_folder.At("other.json"), json.ToJsonString());
        var (code, _, error) = await RunAsync("run", "--config", _folder.At("other.json"));
        Assert.Equal(78, code);
        Assert.StartsWith($"{_folder.At("other.json")}: Metrics:Listen = \"127.0.0.1:{metrics}\": cannot be bound: ",
            Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_soft_target_can_run_as_a_separate_process()
    {
        Needs.Root();
        var file = WriteConfiguration(kind: "external");
        var target = Start([], "soft-target", "--config", file, "--listen", $"unix:{_folder.At("p4rt.sock")}", "--port-namespace",
            "/proc/self/ns/net");
        await Eventually.TrueAsync(() => File.Exists(_folder.At("p4rt.sock")), () => $"it listens: {_log}");
        Start([], "run", "--config", file);
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        Kill(target, "TERM");
        await target.WaitForExitAsync();
        Assert.Equal(0, target.ExitCode);
        await Eventually.TrueAsync(async () => (string?)(await TryCtlAsync("status"))?["targetState"] == "away", "the loss is reported");
    }

    [Fact]
    public async Task Without_permission_to_enter_the_port_namespace_ADD_fails()
    {
        Needs.Root();
        var listen = FreePort();
        var start = new ProcessStartInfo("setpriv", ["--bounding-set", "-sys_admin", "dotnet", Executable, "run", "--config",
            WriteConfiguration(listen)])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        Keep(start);
        await Eventually.TrueAsync(async () => (string?)(await TryCtlAsync("status"))?["targetState"] == "primary",
            () => $"primary: {_log}");
        await Eventually.TrueAsync(async () => Ports(await TryCtlAsync("status")) is { } ports && (bool)ports["preventsAdds"]!,
            () => $"the Ports condition prevents ADDs: {_log}");
        var status = JsonNode.Parse(await CtlAsync("status"))!;
        Assert.Equal((false, false), ((bool)status["ready"]!, (bool)status["canAttach"]!));
        Assert.Contains("EPERM", (string)Ports(status)!["reason"]!, StringComparison.Ordinal);

        using var channel = Connect(listen);
        var client = new Offload.OffloadClient(channel);
        Assert.False((await client.StatusAsync(new StatusRequest())).Ready);
        var e = await Assert.ThrowsAsync<RpcException>(async () => await client.AttachAsync(Requests.Attach()));
        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.Contains("EPERM", e.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(JsonNode.Parse(await CtlAsync("endpoints"))!["endpoints"]!.AsArray());

        static JsonNode? Ports(JsonNode? status) => status?["conditions"]?.AsArray().FirstOrDefault(c => (string?)c!["name"] == "Ports");
    }

    [Fact]
    public async Task Doctor_checks_the_store_through_the_running_service()
    {
        Needs.Root();
        var file = WriteConfiguration();
        Start([], "run", "--config", file);
        await Eventually.TrueAsync(async () => (bool?)(await TryCtlAsync("status"))?["canAttach"] == true, () => $"ready: {_log}");
        using var output = new StringWriter();
        await Commands.RunAsync(["doctor", "--json", "--config", file], output, output);
        var store = Assert.Single(JsonNode.Parse(output.ToString())!["findings"]!.AsArray(), f => (string?)f!["what"] == "store");
        Assert.Equal("ok", (string?)store!["level"]);
        Assert.DoesNotContain("move it away", output.ToString(), StringComparison.Ordinal);
    }

    private readonly StringBuilder _log = new();

    private static string Executable => Path.Combine(AppContext.BaseDirectory, "inframanager.dll");

    private string WriteConfiguration(int listen = 0, string pipeline = "", string kind = "embedded", string policy = "")
    {
        using var server = _pki.IssueServer();
        TestPki.WritePair(_folder.Root, server);
        _pki.WriteAuthority(_folder.Root);
        return _folder.Write("c.json", InfraManagerJson.Create(hostAddress: "200.1.1.2")
            .WithApi($"127.0.0.1:{listen}", _folder.Root)
            .WithTarget(kind, _folder.At("p4rt.sock"))
            .WithSoftTarget(_folder.At("p4rt.sock"), "/proc/self/ns/net")
            .Set("Pipeline:Directory", pipeline)
            .WithStore(_folder.At("state.db"))
            .WithControl(_folder.At("control.sock"))
            .Set("Limits:ShutdownSeconds", 5)
            .Set("Policy:Source", policy)
            .Set("Policy:FelixSocket", _folder.At("felix.sock"))
            .ToJsonString());
    }

    private GrpcChannel Connect(int port)
    {
        var certificate = _pki.IssueHost();
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new System.Net.Security.SslClientAuthenticationOptions
            {
                LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate,
                TargetHost = "accoffload-acc",
                RemoteCertificateValidationCallback = (_, server, _, _) => server?.Issuer == _pki.Authority.Subject,
            },
        };
        return GrpcChannel.ForAddress($"https://127.0.0.1:{port}",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        return ((System.Net.IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private async Task<string> CtlAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Commands.RunAsync(["ctl", "--socket", _folder.At("control.sock"), "--json", .. arguments], output, error);
        Assert.True(code == 0, $"{error}\n{_log}");
        return output.ToString();
    }

    private async Task<JsonNode?> TryCtlAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        return await Commands.RunAsync(["ctl", "--socket", _folder.At("control.sock"), "--json", .. arguments], output,
            TextWriter.Null) == 0 ? JsonNode.Parse(output.ToString()) : null;
    }

    private Process Start(Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Executable, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Keep(start);
    }

    private Process Keep(ProcessStartInfo start)
    {
        var process = Process.Start(start)!;
        DataReceivedEventHandler keep = (_, e) =>
        {
            lock (_log)
            {
                _log.AppendLine(e.Data);
            }
        };
        process.OutputDataReceived += keep;
        process.ErrorDataReceived += keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
        return process;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Executable, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    private static void Kill(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    private static Task<string> ReceiveAsync(Socket socket) => Task.Run(() =>
    {
        var buffer = new byte[512];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    });
}
