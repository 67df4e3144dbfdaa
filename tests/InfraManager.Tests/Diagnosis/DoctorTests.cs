using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.InfraManager.Diagnosis;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Tests.Diagnosis;

/// <summary>`inframanager doctor` reports each unmet precondition as wrong, with a remedy, and no met one.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-doctor-").FullName;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly int _port = FreePort();
    private readonly JsonObject _configuration;

    public DoctorTests()
    {
        WritePair();
        _pki.WriteAuthority(_folder);
        File.WriteAllText(At("ports"), "");
        _configuration = InfraManagerJson.Create()
            .WithApi($"127.0.0.1:{_port}", _folder)
            .Set("SoftTarget:PortNamespace", At("ports"))
            .Set("Pipeline:Directory", $"{Repository.Root}/p4src/build")
            .WithStore(At("store.db"))
            .WithControl(At("control.sock"));
        Set("Node:Name", "node-1");
    }

    public void Dispose()
    {
        _pki.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_healthy_machine_has_no_faults()
    {
        var (code, findings) = await ExamineAsync();
        Assert.DoesNotContain(findings, f => (string?)f!["level"] == "wrong");
        Assert.Equal(0, code);
        // The service is not running, which is not a fault of the machine.
        Assert.Contains(findings, f => (string?)f!["what"] == "service" && (string?)f["level"] == "doubt");
    }

    [Fact]
    public async Task A_key_that_others_can_read_is_reported()
    {
        File.SetUnixFileMode(At("tls.key"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await WrongAsync("certificate", "can be read or written by others");
    }

    [Fact]
    public async Task An_expired_certificate_is_reported()
    {
        WritePair(DateTimeOffset.UtcNow.AddDays(-1));
        await WrongAsync("certificate", "expired");
    }

    [Fact]
    public async Task A_certificate_that_expires_soon_is_reported_as_a_doubt()
    {
        WritePair(DateTimeOffset.UtcNow.AddDays(3));
        var (code, findings) = await ExamineAsync();
        Assert.Equal(0, code);
        Assert.Contains(findings, f => (string?)f!["what"] == "certificate" && (string?)f["level"] == "doubt");
    }

    [Fact]
    public async Task A_port_in_use_by_another_program_is_reported()
    {
        using var other = new TcpListener(IPAddress.Loopback, _port);
        other.Start();
        await WrongAsync("API", "in use by another program");
    }

    [Fact]
    public async Task A_clash_with_the_health_port_of_a_24_01_agent_is_reported()
    {
        const string Clash = "clashes with the health check of 24.01's agent";
        Set("Api:HealthListen", "127.0.0.1:50096");
        Assert.DoesNotContain(
            (await ExamineAsync()).Findings, f => ((string)f!["detail"]!).Contains(Clash, StringComparison.Ordinal));
        Set("Api:FingerprintRoles", new JsonObject { [new string('A', 64)] = "host:node-1" });
        await WrongAsync("health", Clash);
        Set("Api:HealthListen", $"127.0.0.1:{FreePort()}");
        await FoundAsync("ok", "health", "is free");
    }

    [Fact]
    public async Task A_missing_port_namespace_is_reported()
    {
        File.Delete(At("ports"));
        await WrongAsync("target", "does not exist");
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_reported()
    {
        using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = At("store.db"),
            Pooling = false
        }.ConnectionString))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 4000";
            command.ExecuteNonQuery();
        }
        await WrongAsync("store", "schema 4000");
    }

    [Fact]
    public async Task A_database_in_use_by_another_process_is_not_reported_as_damaged()
    {
        using var holder = SqliteStore.Open(At("store.db"), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await FoundAsync("doubt", "store", "in use by another process");
        Assert.DoesNotContain((await ExamineAsync()).Findings, f => f!.ToJsonString().Contains("move it away", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_damaged_database_is_reported()
    {
        File.WriteAllText(At("store.db"), new string('x', 8192));
        await WrongAsync("store", "is damaged");
    }

    [Fact]
    public async Task A_missing_pipeline_is_reported()
    {
        Set("Pipeline:Directory", At("nowhere"));
        await WrongAsync("pipeline", "can't be read");
    }

    [Fact]
    public async Task An_unreachable_external_target_is_reported()
    {
        UseTarget($"https://127.0.0.1:{FreePort()}", $"unix:{At("gnmi.sock")}", At("tls.key"));
        await WrongAsync("P4Runtime", "refused");
        await WrongAsync("gNMI", $"cannot connect to {At("gnmi.sock")}");
    }

    [Fact]
    public async Task The_pipeline_and_ports_of_an_external_target_are_reported()
    {
        await using var server = await FakeP4Server.StartAsync(At("p4.sock"));
        UseTarget(server.Address, server.Address);
        await FoundAsync("ok", "P4Runtime", "without a pipeline yet");
        await FoundAsync("ok", "gNMI", "0 ports");

        using var channel = UnixChannel.Create(At("p4.sock"));
        var client = new P4.V1.P4Runtime.P4RuntimeClient(channel);
        await RunsAsync(1);
        await FoundAsync("doubt", "P4Runtime", "runs another pipeline (cookie 0000000000000001");
        await RunsAsync(PipelineArtifacts.Load($"{Repository.Root}/p4src/build").Cookie);
        await FoundAsync("ok", "P4Runtime", "runs k8s_dp");
        Assert.Equal(0, (await ExamineAsync()).Code);

        async Task RunsAsync(ulong cookie) => await client.SetForwardingPipelineConfigAsync(new P4.V1.SetForwardingPipelineConfigRequest
        {
            DeviceId = 1,
            Config = new P4.V1.ForwardingPipelineConfig { Cookie = new P4.V1.ForwardingPipelineConfig.Types.Cookie { Cookie_ = cookie } },
        });
    }

    [Fact]
    public async Task The_certificates_for_an_external_target_are_checked()
    {
        UseTarget($"https://127.0.0.1:{FreePort()}", $"unix:{At("gnmi.sock")}", At("client.key"));
        await WrongAsync("target", "client.key does not exist");
        using (var other = System.Security.Cryptography.ECDsa.Create())
        {
            await File.WriteAllTextAsync(At("client.key"), other.ExportPkcs8PrivateKeyPem());
        }

        await WrongAsync("target", "do not match");
        File.Copy(At("tls.key"), At("client.key"), overwrite: true);
        File.SetUnixFileMode(At("client.key"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
        await WrongAsync("target", "can be read or written by others");
    }

    [Fact]
    public void A_hardware_function_bound_to_another_driver_is_reported()
    {
        UseTarget($"unix:{At("p4.sock")}", $"unix:{At("p4.sock")}");
        var function = At("root/sys/bus/pci/devices/0000:00:01.6");
        Directory.CreateDirectory(function);
        File.WriteAllText($"{function}/vendor", "0x8086\n");
        File.WriteAllText($"{function}/device", "0x1453\n");
        Assert.Contains("0000:00:01.6 (8086:1453) has no driver, infrap4d needs vfio-pci", Text());
        File.CreateSymbolicLink($"{function}/driver", "../../drivers/idpf");
        var text = Text();
        Assert.Contains("has the driver idpf", text);
        Assert.Contains("echo 0000:00:01.6 >/sys/bus/pci/drivers_probe", text);
        File.Delete($"{function}/driver");
        File.CreateSymbolicLink($"{function}/driver", "../../drivers/vfio-pci");
        Assert.Contains("ok     device         0000:00:01.6 (8086:1453): vfio-pci", Text());

        string Text()
        {
            using var writer = new StringWriter();
            new Doctor(SettingsLoader.Load(At("inframanager.json"), new Dictionary<string, string>(), sections: null),
                TimeProvider.System, At("root")).Examine().WriteText(writer);
            return writer.ToString();
        }
    }

    [Fact]
    public async Task A_missing_uplink_is_reported()
    {
        Needs.Root();
        var name = $"doctor-{Guid.NewGuid():N}";
        using var space = ACCOffload.NativeInterop.Syscalls.NetNamespace.CreateNamed(name);
        try
        {
            Set("SoftTarget:PortNamespace", $"/run/netns/{name}");
            Set("Node:Uplink", new JsonObject { ["Port"] = "uplink0", ["Mac"] = "02:00:00:00:00:02" });
            Set("Node:HostAddresses", new JsonArray("200.1.1.2"));
            await WrongAsync("target", "no interface uplink0");
            Set("Node:Uplink:Port", "lo");
            await FoundAsync("ok", "target", name);
        }
        finally
        {
            ACCOffload.NativeInterop.Syscalls.NetNamespace.DeleteNamed(name);
        }
    }

    [Fact]
    public async Task A_missing_exception_interface_is_reported()
    {
        Needs.Root();
        var name = $"doctor-{Guid.NewGuid():N}";
        Set("Node:HostAddresses", new JsonArray("200.1.1.2"));
        Set("Node:Uplink", new JsonObject
        {
            ["Port"] = "lo",
            ["Mac"] = "02:00:00:00:00:02",
            ["Addresses"] = new JsonArray("192.0.2.10/24"),
            ["Exception"] = new JsonObject { ["Namespace"] = $"/run/netns/{name}" },
        });
        await WrongAsync("uplink", $"/run/netns/{name} does not exist");
        using var space = ACCOffload.NativeInterop.Syscalls.NetNamespace.CreateNamed(name);
        try
        {
            await WrongAsync("uplink", "no interface accx1");
            Set("Node:Uplink:Exception:Interface", "lo");
            await FoundAsync("ok", "uplink", $"lo in /run/netns/{name}");
        }
        finally
        {
            ACCOffload.NativeInterop.Syscalls.NetNamespace.DeleteNamed(name);
        }
    }

    [Fact]
    public void An_uplink_that_the_unit_or_the_kernel_does_not_allow_for_is_reported()
    {
        UseTarget("unix:/nonexistent/p4", "unix:/nonexistent/gnmi");
        Set("Node:Uplink", new JsonObject
        {
            ["Port"] = "eth1",
            ["Mac"] = "02:00:00:00:00:02",
            ["Addresses"] = new JsonArray("192.0.2.10/24"),
        });
        var unit = Directory.CreateDirectory(At("root/usr/lib/systemd/system")).FullName;
        File.WriteAllText($"{unit}/inframanager.service", "");
        var limits = Directory.CreateDirectory(At("root/proc/sys/net/ipv4/neigh/default")).FullName;
        File.WriteAllText($"{limits}/gc_thresh2", "512\n");
        Assert.Contains("the unit lacks the capabilities for it", Text());
        Assert.Contains("the kernel keeps 512 neighbours (net.ipv4.neigh.default.gc_thresh2)", Text());

        File.WriteAllText($"{limits}/gc_thresh2", "8192\n");
        File.WriteAllText($"{Directory.CreateDirectory(At("root/etc/systemd/system/inframanager.service.d")).FullName}/uplink.conf", "");
        Assert.DoesNotContain("capabilities", Text());
        Assert.DoesNotContain("gc_thresh2", Text());

        string Text()
        {
            using var writer = new StringWriter();
            new Doctor(SettingsLoader.Load(At("inframanager.json"), new Dictionary<string, string>(), sections: null),
                TimeProvider.System, At("root")).Examine().WriteText(writer);
            return writer.ToString();
        }
    }

    [Fact]
    public async Task The_connection_to_the_cluster_is_checked()
    {
        Set("Kubernetes:Kubeconfig", At("kubeconfig"));
        await FoundAsync("ok", "cluster", "services are not watched");
        File.WriteAllText(At("kubeconfig"), "clusters: []\n");
        await WrongAsync("cluster", "current-context");
        File.WriteAllText(At("kubeconfig"), $$"""
            current-context: acc
            contexts: [{ name: acc, context: { cluster: c, user: u } }]
            clusters: [{ name: c, cluster: { server: "https://127.0.0.1:{{_port}}" } }]
            users: [{ name: u, user: { token: abc } }]
            """);
        File.SetUnixFileMode(At("kubeconfig"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await WrongAsync("cluster", "can be read or written by others");
        await WrongAsync("cluster", "is not reachable");
    }

    [Fact]
    public async Task An_invalid_configuration_is_reported()
    {
        Set("Node:PodRanges", new JsonArray("10.244.1.0/33"));
        await WrongAsync("configuration", "PodRanges");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void Set(string key, JsonNode value) =>
        File.WriteAllText(At("inframanager.json"), _configuration.Set(key, value).ToJsonString());

    /// <summary>Configures an external target, with certificates for TLS if a key is given.</summary>
    private void UseTarget(string p4Runtime, string gnmi, string? key = null)
    {
        if (key is not null)
        {
            _configuration.WithCertificates("Target", _folder).Set("Target:KeyFile", key);
        }

        _configuration.Set("Target:P4Runtime", p4Runtime).Set("Target:Gnmi", gnmi);
        Set("Target:Kind", "external");
    }

    private void WritePair(DateTimeOffset? notAfter = null)
    {
        using var server = _pki.IssueServer(notAfter: notAfter);
        TestPki.WritePair(_folder, server);
        File.SetUnixFileMode(At("tls.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private async Task WrongAsync(string what, string detail)
    {
        var (code, findings) = await ExamineAsync();
        Assert.Equal(1, code);
        Assert.Contains(findings, f => (string?)f!["level"] == "wrong" && (string?)f["what"] == what
            && ((string)f["detail"]!).Contains(detail, StringComparison.Ordinal) && ((string)f["remedy"]!).Length > 0);
    }

    private async Task FoundAsync(string level, string what, string detail) => Assert.Contains(
        (await ExamineAsync()).Findings, f => (string?)f!["level"] == level && (string?)f["what"] == what
            && ((string)f["detail"]!).Contains(detail, StringComparison.Ordinal));

    private async Task<(int Code, JsonArray Findings)> ExamineAsync()
    {
        using var output = new StringWriter();
        var code = await Commands.RunAsync(["doctor", "--json", "--config", At("inframanager.json")], output, output);
        return (code, JsonNode.Parse(output.ToString())!["findings"]!.AsArray());
    }
}
