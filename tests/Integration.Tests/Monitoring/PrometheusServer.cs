using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests.Monitoring;

/// <summary>
/// A real Prometheus in the host's namespace of a lab. It scrapes both daemons under mutual TLS, as docs/metrics.md shows.
/// </summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private const string Program = "/usr/bin/prometheus";
    private const string Address = "127.0.0.1:9090";

    private readonly Lab _lab;
    private readonly BackgroundProcess _process;

    private PrometheusServer(Lab lab, BackgroundProcess process) => (_lab, _process) = (lab, process);

    /// <summary>Why it is not available here; null if it is.</summary>
    public static string? Missing => File.Exists(Program) ? null : $"needs {Program} (package prometheus)";

    public static async Task<PrometheusServer> StartAsync(Lab lab)
    {
        await File.WriteAllTextAsync(lab.At("prometheus.yml"), $$"""
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: ["{{MonitoringFiles.Alerts}}"]
            scrape_configs:
            {{Job(lab, "inframanager", MonitoredLab.Manager, "accoffload-acc")}}
            {{Job(lab, "host-stub", MonitoredLab.Agent, "node-1")}}
            """);
        var process = new BackgroundProcess(lab.HostNamespace, Program,
        [
            $"--config.file={lab.At("prometheus.yml")}", $"--storage.tsdb.path={lab.At("prometheus")}", $"--web.listen-address={Address}",
        ]);
        var server = new PrometheusServer(lab, process);
        await Eventually.TrueAsync(
            async () => !process.HasExited
                ? (await Shell.RunAsync(lab.HostNamespace, "curl", ["-sf", $"http://{Address}/-/ready"])).ExitCode == 0
                : throw new InvalidOperationException($"prometheus exited:\n{process.Log}"),
            () => $"Prometheus serves; its log:\n{process.Log}");
        return server;
    }

    /// <summary>The result of a query, an array of series with values.</summary>
    public async Task<JsonArray> QueryAsync(string query)
    {
        var result = await Shell.RunAsync(
            _lab.HostNamespace, "curl", ["-s", "--data-urlencode", $"query={query}", $"http://{Address}/api/v1/query"]);
        var answer = JsonNode.Parse(result.MustSucceed().Output)!;
        Assert.True((string?)answer["status"] == "success", $"{query}: {answer.ToJsonString()}");
        return answer["data"]!["result"]!.AsArray();
    }

    /// <summary>The alert rules with their states.</summary>
    public async Task<IReadOnlyList<JsonNode>> RulesAsync()
    {
        var answer = (await Shell.RunAsync(_lab.HostNamespace, "curl", ["-s", $"http://{Address}/api/v1/rules"])).MustSucceed();
        return [.. JsonNode.Parse(answer.Output)!["data"]!["groups"]!.AsArray().SelectMany(g => g!["rules"]!.AsArray()).Select(r => r!)];
    }

    /// <summary>The names of the alerts that fire, or would after their time.</summary>
    public async Task<IReadOnlyList<string>> AlertsAsync() =>
        [.. (await RulesAsync()).Where(r => (string?)r["state"] != "inactive").Select(r => (string)r["name"]!)];

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static string Job(Lab lab, string name, string address, string serverName) => $$"""
              - job_name: {{name}}
                scheme: https
                static_configs: [{ targets: ["{{address}}"], labels: { accoffload: {{name}} } }]
                tls_config:
                  ca_file: "{{lab.Pki}}/ca.crt"
                  cert_file: "{{lab.Pki}}/metrics-client/tls.crt"
                  key_file: "{{lab.Pki}}/metrics-client/tls.key"
                  server_name: {{serverName}}
            """;
}
