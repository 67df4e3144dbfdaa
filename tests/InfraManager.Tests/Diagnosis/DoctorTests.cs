using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.InfraManager.Tests.Fixtures;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Tests.Diagnosis;

/// <summary>inframanager doctor: each wrong precondition by name, with a remedy; nothing is said where all is well.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("accoffload-doctor-").FullName;
    private readonly TestPki _pki = new(DateTimeOffset.UtcNow);
    private readonly int _port = FreePort();

    public DoctorTests()
    {
        WritePair();
        File.WriteAllText(At("ca.crt"), _pki.Authority.ExportCertificatePem());
        File.WriteAllText(At("ports"), "");
        File.WriteAllText(At("inframanager.json"), $$"""
            {
              "Node": { "Name": "node-1", "PodRanges": ["10.244.1.0/24"] },
              "Api": { "Listen": "127.0.0.1:{{_port}}", "HealthListen": "", "CertificateFile": "{{At("tls.crt")}}", "KeyFile": "{{At("tls.key")}}", "CaFile": "{{At("ca.crt")}}" },
              "SoftTarget": { "PortNamespace": "{{At("ports")}}" },
              "Pipeline": { "Directory": "{{Repository.Root}}/p4src/build" },
              "Store": { "Path": "{{At("store.db")}}" },
              "Control": { "Socket": "{{At("control.sock")}}" }
            }
            """);
    }

    public void Dispose()
    {
        _pki.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_sound_machine_has_nothing_wrong()
    {
        var (code, findings) = await ExamineAsync();
        Assert.DoesNotContain(findings, f => (string?)f!["level"] == "wrong");
        Assert.Equal(0, code);
        // It is not running, which is no fault of the machine.
        Assert.Contains(findings, f => (string?)f!["what"] == "service" && (string?)f["level"] == "doubt");
    }

    [Fact]
    public async Task A_key_that_others_can_read()
    {
        File.SetUnixFileMode(At("tls.key"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await WrongAsync("certificate", "can be read or written by others");
    }

    [Fact]
    public async Task An_expired_certificate()
    {
        WritePair(DateTimeOffset.UtcNow.AddDays(-1));
        await WrongAsync("certificate", "expired");
    }

    [Fact]
    public async Task A_certificate_that_expires_soon_is_a_doubt()
    {
        WritePair(DateTimeOffset.UtcNow.AddDays(3));
        var (code, findings) = await ExamineAsync();
        Assert.Equal(0, code);
        Assert.Contains(findings, f => (string?)f!["what"] == "certificate" && (string?)f["level"] == "doubt");
    }

    [Fact]
    public async Task Another_program_on_the_port()
    {
        using var other = new TcpListener(IPAddress.Loopback, _port);
        other.Start();
        await WrongAsync("API", "in use by another program");
    }

    [Fact]
    public async Task No_namespace_of_ports()
    {
        File.Delete(At("ports"));
        await WrongAsync("target", "is not there");
    }

    [Fact]
    public async Task A_database_of_a_newer_version()
    {
        using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = At("store.db"), Pooling = false }.ConnectionString))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 4000";
            command.ExecuteNonQuery();
        }
        await WrongAsync("store", "schema 4000");
    }

    [Fact]
    public async Task No_pipeline()
    {
        Replace($"{Repository.Root}/p4src/build", At("nowhere"));
        await WrongAsync("pipeline", "can't be read");
    }

    [Fact]
    public async Task A_target_elsewhere_that_nobody_answers_for()
    {
        Replace("\"SoftTarget\"", $$"""
            "Target": { "Kind": "external", "P4Runtime": "https://127.0.0.1:{{FreePort()}}", "Gnmi": "unix:{{At("gnmi.sock")}}", "CertificateFile": "{{At("tls.crt")}}", "KeyFile": "{{At("tls.key")}}", "CaFile": "{{At("ca.crt")}}" },
            "SoftTarget"
            """);
        await WrongAsync("P4Runtime", "is not reached");
        await WrongAsync("gNMI", "is not there");
    }

    [Fact]
    public async Task A_wrong_configuration_is_told_and_the_rest_left()
    {
        Replace("10.244.1.0/24", "10.244.1.0/33");
        await WrongAsync("configuration", "PodRanges");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void Replace(string old, string text) => File.WriteAllText(At("inframanager.json"), File.ReadAllText(At("inframanager.json")).Replace(old, text, StringComparison.Ordinal));

    private void WritePair(DateTimeOffset? notAfter = null)
    {
        using var server = _pki.IssueServer(notAfter: notAfter);
        File.WriteAllText(At("tls.crt"), server.ExportCertificatePem());
        using var key = System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions.GetECDsaPrivateKey(server)!;
        File.WriteAllText(At("tls.key"), key.ExportPkcs8PrivateKeyPem());
        File.SetUnixFileMode(At("tls.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private async Task WrongAsync(string what, string detail)
    {
        var (code, findings) = await ExamineAsync();
        Assert.Equal(1, code);
        Assert.Contains(findings, f => (string?)f!["level"] == "wrong" && (string?)f["what"] == what
            && ((string)f["detail"]!).Contains(detail, StringComparison.Ordinal) && ((string)f["remedy"]!).Length > 0);
    }

    private async Task<(int Code, JsonArray Findings)> ExamineAsync()
    {
        using var output = new StringWriter();
        var code = await Commands.RunAsync(["doctor", "--json", "--config", At("inframanager.json")], output, output);
        return (code, JsonNode.Parse(output.ToString())!["findings"]!.AsArray());
    }
}
