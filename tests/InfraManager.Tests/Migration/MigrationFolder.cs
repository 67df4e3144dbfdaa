using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Targets;

namespace ACCOffload.InfraManager.Tests.Migration;

/// <summary>The files of a 24.01 node, and `inframanager migrate` on them.</summary>
internal sealed class MigrationFolder : IDisposable
{
    public const string Tap = "InterfaceType: tap\nDeviceId: 1\nLogLevel: Info\nInfraManager:\n  addr: 127.0.0.1:50002\n  conn: mtls\n";

    public const string Cdq =
        $"InterfaceType: cdq\nDeviceId: 1\nInfraManager:\n  addr: 10.10.0.2:50002\n  arp-mac: \"{Release2401.ArpMac}\"\n";

    private readonly Folder _folder = new();
    private readonly TestPki _pki = new();

    public MigrationFolder(string config)
    {
        _folder.Write("config.yaml", config);
        using var agent = _pki.IssueFor("", "infraagent-client");
        _pki.WriteClient(At("agent-client"), agent);
        Fingerprint = agent.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256);
    }

    /// <summary>The SHA-256 of the agent's certificate.</summary>
    public string Fingerprint { get; }

    public string Store => At("new/state.db");

    public string At(string name) => _folder.At(name);

    public string Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        return _folder.Write(name, text);
    }

    public void Write(Release2401 release)
    {
        release.WriteDatabases(At("db"));
        release.WriteAgent(At("agent"));
    }

    public async Task<(int Code, string Output, string Error)> RunAsync(params string[] options)
    {
        string[] all =
        [
            "migrate", "--from-config", At("config.yaml"), "--from-db", At("db"), "--agent-folder", At("agent"), "--agent-certificate",
            At("agent-client/tls.crt"), "--store", Store, "--node", "node-1", "--pod-range", "10.244.0.0/16", "--service-range",
            "10.96.0.0/12", .. options,
        ];
        using StringWriter output = new(), error = new();
        var code = await Commands.RunAsync(all, output, error);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Runs it where it must succeed. Returns the configuration.</summary>
    public async Task<JsonNode> MigrateAsync(params string[] options)
    {
        var (code, output, error) = await RunAsync(options);
        Assert.True(code == 0, error);
        return JsonNode.Parse(output)!;
    }

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }
}
