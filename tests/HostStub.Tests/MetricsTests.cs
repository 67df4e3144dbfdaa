using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.TestKit;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Configurations;
using ACCOffload.TestKit.Metrics;

namespace ACCOffload.HostStub.Tests;

/// <summary>The agent's metrics, as a scraper reads them.</summary>
public sealed class MetricsTests
{
    [Fact]
    public async Task Requests_attachments_and_the_connection_are_reported()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Metrics"] = new JsonObject { ["Listen"] = "127.0.0.1:0" });
        var port = lab.Agent!.MetricsAddress!.Port;
        var before = await Scrape.GetAsync(port);
        Assert.Equal((1, 0), (before["accoffload_acc_connected"], before["accoffload_attachments{state=\"attached\"}"]));

        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        var scrape = await Scrape.GetAsync(port, Scrape.OpenMetrics);
        Assert.Equal((1, 0), (scrape["accoffload_attachments{state=\"attached\"}"], scrape["accoffload_attachments{state=\"vanished\"}"]));
        Assert.InRange(scrape["accoffload_cni_requests_total{command=\"ADD\",result=\"ok\"}"], 1, double.MaxValue);
        Assert.InRange(scrape["accoffload_cni_seconds_count{command=\"ADD\"}"], 1, double.MaxValue);
        foreach (var phase in new[] { "ipam", "links", "acc", "store" })
        {
            Assert.True(scrape[$"accoffload_add_seconds_sum{{phase=\"{phase}\"}}"] > 0, phase);
        }

        Assert.InRange(scrape["accoffload_certificate_expiry_seconds{certificate=\"acc\"}"], 3600, 86_400);
        Assert.Equal((1, 1), (scrape["accoffload_condition{condition=\"Acc\"}"], scrape["accoffload_ready"]));

        // A second ADD of the same container is refused.
        Assert.NotEqual(
            0, (await lab.RunAsync("ADD", pod, change: c => c["ipam"] = new JsonObject { ["type"] = "there-is-none" })).ExitCode);
        (await lab.RunAsync("DEL", pod)).Succeeded();
        await lab.Acc.StopAsync();
        await Eventually.TrueAsync(() => !lab.Agent.Services.Acc.State.Synced, "the agent notices");
        scrape = await Scrape.GetAsync(port);
        Assert.InRange(scrape["accoffload_cni_requests_total{command=\"ADD\",result=\"error\"}"], 1, double.MaxValue);
        Assert.InRange(scrape["accoffload_cni_seconds_count{command=\"DEL\"}"], 1, double.MaxValue);
        Assert.Equal(
            (0, 0, 0), (scrape["accoffload_acc_connected"], scrape["accoffload_condition{condition=\"Acc\"}"], scrape["accoffload_ready"]));
        Assert.Equal(0, scrape["accoffload_attachments{state=\"attached\"}"]);
        if (Promtool.Missing is null)
        {
            Assert.Equal("", await Promtool.CheckAsync(scrape.Text));
        }
    }

    [Fact]
    public async Task Only_the_scrapers_role_is_served_over_the_network()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            using var server = l.Pki.IssueFor("urn:accoffload:role:metrics-server", "node-1");
            l.Pki.WriteClient(l.At("metrics"), server);
            l.Config["Metrics"] = new JsonObject
            {
                ["Listen"] = "0.0.0.0:0",
                ["CertificateFile"] = l.At("metrics/tls.crt"),
                ["KeyFile"] = l.At("metrics/tls.key"),
                ["CaFile"] = l.At("metrics/ca.crt"),
            };
        });
        var port = lab.Agent!.MetricsAddress!.Port;
        var authority = lab.Pki.Authority;
        using var scraper = lab.Pki.IssueFor("urn:accoffload:role:metrics", null);
        Assert.InRange(
            (await Scrape.GetAsync(port, scraper, authority))["accoffload_certificate_expiry_seconds{certificate=\"metrics\"}"],
            3600,
            86_400);

        using var host = lab.Pki.IssueFor(TestPki.HostRole, null);
        using var foreign = new TestPki().IssueFor("urn:accoffload:role:metrics", null);
        foreach (var (certificate, reason) in new (X509Certificate2?, string)[]
        {
            (null, "it presented no certificate"),
            (host, "does not have the role"),
            (foreign, "is not trusted"),
        })
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => Scrape.GetAsync(port, certificate, authority));
            await Eventually.TrueAsync(
                () =>
                    lab.Log.Lines.Any(l => l.Contains(
                        "Refused to serve metrics", StringComparison.Ordinal) && l.Contains(reason, StringComparison.Ordinal)),
                reason);
        }

        Assert.DoesNotContain(lab.Log.Lines, l => l.Contains("0 similar refusals", StringComparison.Ordinal));

        // Another CA and certificate, without a restart.
        var next = new TestPki();
        using var renewed = next.IssueFor("urn:accoffload:role:metrics-server", "node-1");
        next.WriteClient(lab.At("metrics"), renewed);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => Scrape.GetAsync(port, scraper, authority));
        using var other = next.IssueFor("urn:accoffload:role:metrics", null);
        Assert.Equal(1, (await Scrape.GetAsync(port, other, next.Authority))["accoffload_acc_connected"]);
    }

    [Fact]
    public void A_remote_address_needs_certificates_and_an_invalid_one_is_refused()
    {
        Assert.Equal(["Metrics:CertificateFile", "Metrics:KeyFile", "Metrics:CaFile"], Findings("""{ "Listen": "192.0.2.7:50098" }"""));
        Assert.Equal(["Metrics:CaFile"],
            Findings("""{ "Listen": "[::]:50098", "CertificateFile": "/x/tls.crt", "KeyFile": "/x/tls.key" }"""));
        Assert.Equal(["Metrics:Listen"], Findings("""{ "Listen": "127.0.0.1" }"""));
        Assert.Equal(["Metrics:KeyFile"], Findings("""{ "Listen": "127.0.0.1:50098", "KeyFile": "tls.key" }"""));
        Assert.Empty(Findings("""{ "Listen": "127.0.0.1:50098" }"""));
        Assert.Empty(Findings("""{ "Listen": "" }"""));
    }

    [Fact]
    public async Task Unusable_files_fail_the_start_with_their_key()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAcc: false, startAgent: false, prepare: l =>
            l.Config["Metrics"] = new JsonObject
            {
                ["Listen"] = "0.0.0.0:0",
                ["CertificateFile"] = l.At("none.crt"),
                ["KeyFile"] = l.At("none.key"),
                ["CaFile"] = l.At("none.crt"),
            });
        var e = await Assert.ThrowsAsync<ConfigurationException>(() => lab.StartAgentAsync(waitSynced: false));
        Assert.Contains("Metrics:CertificateFile", e.Message, StringComparison.Ordinal);
        Assert.Contains(lab.At("none.crt"), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_metric_is_documented_and_every_documented_metric_exists()
    {
        var rows = Scrape.Documented(Repository.Root, "## The agent");
        Assert.Equal(AgentFamilies.All.Select(f => f.SampleName).Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        Assert.All(
            AgentFamilies.All,
            f => Assert.Equal(
                [f.Kind.ToString().ToLowerInvariant(), string.Join(", ", f.Labels.Select(l => $"`{l}`")), f.Unit],
                rows[f.SampleName][1..4]));
    }

    private static IEnumerable<string> Findings(string metrics)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, HostStubJson.Create("https://192.0.2.1:50002").Set("Metrics", JsonNode.Parse(metrics)).ToJsonString());
            AgentConfigReader.Load(file, new Dictionary<string, string>());
            return [];
        }
        catch (ConfigurationException e)
        {
            return [.. e.Errors.Select(f => f.Key)];
        }
        finally
        {
            File.Delete(file);
        }
    }
}
