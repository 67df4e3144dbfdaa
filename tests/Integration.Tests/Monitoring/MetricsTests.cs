using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Metrics;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests.Monitoring;

/// <summary>The published daemons' metrics over the lab's own links, with the certificates that `make certs` creates.</summary>
public sealed class MetricsTests
{
    [Fact]
    public async Task Both_daemons_serve_metrics_only_to_scrapers_with_the_role()
    {
        Needs.Lab();
        await using var lab = await MonitoredLab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        await Shell.RunLineAsync(a.Namespace, $"ping -n -c 1 -W 1 -t 1 {b.Address}");

        var manager = await ScrapeAsync(lab, MonitoredLab.Manager, "accoffload-acc");
        Assert.Equal((1, 2), (manager["accoffload_target_connected"], manager["accoffload_attach_seconds_count{phase=\"program\"}"]));
        Assert.Equal(1, manager["accoffload_drops_total{reason=\"ttl_expired\"}"]);
        Assert.Equal(2, manager["accoffload_table_entries{table=\"pods\"}"]);
        Assert.DoesNotContain("accoffload_reconcile_difference_info", manager.Text, StringComparison.Ordinal);
        var agent = await ScrapeAsync(lab, MonitoredLab.Agent, "node-1");
        Assert.Equal((1, 2), (agent["accoffload_acc_connected"], agent["accoffload_attachments{state=\"attached\"}"]));
        Assert.Equal((2, 2),
            (agent["accoffload_cni_requests_total{command=\"ADD\",result=\"ok\"}"], agent["accoffload_add_seconds_count{phase=\"acc\"}"]));
        if (Promtool.Missing is null)
        {
            Assert.Equal("", await Promtool.CheckAsync(manager.Text) + await Promtool.CheckAsync(agent.Text));
        }

        foreach (var (address, name) in new[] { (MonitoredLab.Manager, "accoffload-acc"), (MonitoredLab.Agent, "node-1") })
        {
            Assert.DoesNotContain("HTTP/1.1", await AskAsync(lab, address, name, "host-client"), StringComparison.Ordinal);
            Assert.DoesNotContain("HTTP/1.1", await AskAsync(lab, address, name, null), StringComparison.Ordinal);
        }
    }

    private static async Task<Scrape> ScrapeAsync(Lab lab, string address, string name)
    {
        var answer = await AskAsync(lab, address, name, "metrics-client");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return new Scrape(System.Net.HttpStatusCode.OK, "", answer[(end + 4)..]);
    }

    /// <summary>Asks from the host's namespace, like a scraper in the node network.</summary>
    private static async Task<string> AskAsync(Lab lab, string address, string name, string? client)
    {
        string[] certificate = client is null ? [] : ["-cert", $"{lab.Pki}/{client}/tls.crt", "-key", $"{lab.Pki}/{client}/tls.key"];
        string[] arguments = ["s_client", "-quiet", "-connect", address, "-CAfile", $"{lab.Pki}/ca.crt", "-verify_return_error",
            "-verify_hostname", name, .. certificate];
        return (await Shell.RunAsync(lab.HostNamespace, "openssl", arguments, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")).Output;
    }
}
