using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.TestKit.Targets;

/// <summary>
/// A real infrap4d for P4-DPDK. ACCOFFLOAD_TEST_INFRAP4D is its command, which takes a working directory followed by infrap4d's flags.
/// </summary>
/// <param name="sharesNamespace">Runs in InfraManager's network namespace, as on a shared host; otherwise in its own.</param>
public sealed class RealNodeTarget(bool sharesNamespace = false) : NodeTarget
{
    private const string OwnNamespaceAddress = "192.0.2.6", SharedNamespaceAddress = "192.0.2.9";
    private const int GnmiPort = 9339;
    private readonly string _command = Command ?? throw new InvalidOperationException($"{Variable} is not set");
    private Lab? _lab;
    private BackgroundProcess? _process;

    public const string Variable = "ACCOFFLOAD_TEST_INFRAP4D";

    public static string? Command => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } command ? command : null;

    /// <summary>Why it is not available here; null if it is.</summary>
    public static string? Missing => Command is null ? $"needs {Variable}, the command of an infrap4d for P4-DPDK" : null;

    public override bool ForwardsPackets => true;

    public string Log => _process?.Log ?? "";

    private string Folder => _lab!.At("infrap4d");

    private string Namespace => sharesNamespace ? _lab!.AccNamespace : _lab!.PortNamespace;

    private string Address => sharesNamespace ? SharedNamespaceAddress : OwnNamespaceAddress;

    public override async Task PrepareAsync(Lab lab, JsonObject target)
    {
        _lab = lab;
        if (sharesNamespace)
        {
            await Shell.RunLineAsync(lab.AccNamespace, $"ip addr add {Address}/32 dev lo").Succeeded();
        }
        else
        {
            await ConnectAsync(lab);
        }

        Directory.CreateDirectory(Folder);
        // The command may run in a sandbox without access to the test's folder.
        await Shell.RunLineAsync(null, $"cp -r {lab.Pki} {Folder}/pki").Succeeded();
        target["P4Runtime"] = $"https://{Address}:9559";
        target["Gnmi"] = $"https://{Address}:{GnmiPort}";
        target["ServerName"] = "localhost";
        target["ServerRole"] = "urn:accoffload:role:p4rt-server";
        target["CertificateFile"] = $"{lab.Pki}/p4rt-client/tls.crt";
        target["KeyFile"] = $"{lab.Pki}/p4rt-client/tls.key";
        target["CaFile"] = $"{lab.Pki}/ca.crt";
    }

    public override async Task StartAsync()
    {
        var pki = $"{Folder}/pki";
        var words = _command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // infrap4d busy-polls its ports: run it with idle priority, so that it does not starve the other processes.
        _process = new BackgroundProcess(
            Namespace,
            "chrt",
            [
                "--idle", "0", .. words, Folder,
                "-grpc_open_insecure_mode=false", $"-external_stratum_urls={Address}:{GnmiPort},{Address}:9559", $"-ca_cert_file={pki}/ca.crt",
                $"-server_key_file={pki}/p4rt-server/tls.key", $"-server_cert_file={pki}/p4rt-server/tls.crt", $"-client_key_file={pki}/p4rt-client/tls.key",
                $"-client_cert_file={pki}/p4rt-client/tls.crt",
            ]);
        await Eventually.TrueAsync(
            () => _process.HasExited
                ? throw new InvalidOperationException($"infrap4d exited:\n{_process.Log}")
                : Task.FromResult(_process.Log.Contains("services are listening", StringComparison.Ordinal)),
            () => $"infrap4d listens; its log:\n{_process.Log}");
    }

    public override async Task KillAsync() => await _process!.KillAsync();

    public override Task AddTapAsync(string name) =>
        TapCreator.CreateAsync(name, new IPEndPoint(IPAddress.Parse(Address), GnmiPort), Namespace, _lab!.Pki);

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _process, null) is { } process)
        {
            await process.DisposeAsync();
        }
    }

    private static async Task ConnectAsync(Lab lab)
    {
        await Shell.RunLineAsync(null, $"ip link add target netns {lab.AccNamespace} type veth peer name acc netns {lab.PortNamespace}")
            .Succeeded();
        await Shell.RunLineAsync(lab.AccNamespace, "ip addr add 192.0.2.5/30 dev target").Succeeded();
        await Shell.RunLineAsync(lab.PortNamespace, $"ip addr add {OwnNamespaceAddress}/30 dev acc").Succeeded();
        await Shell.RunLineAsync(lab.AccNamespace, "ip link set target up").Succeeded();
        await Shell.RunLineAsync(lab.PortNamespace, "ip link set acc up").Succeeded();
    }
}
