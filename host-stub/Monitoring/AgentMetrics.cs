using System.Diagnostics.Metrics;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Operations;
using ACCOffload.Metrics;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Monitoring;

/// <summary>The agent's metrics: values that are read at each scrape, and the server for scrapers.</summary>
internal sealed partial class AgentMetrics : IAsyncDisposable
{
    private readonly Meter _meter = new("ACCOffload.HostStub.Agent");
    private readonly LineBudget _lines;
    private readonly ILogger _logger;
    private readonly ScrapeServer _server;

    private AgentMetrics(AgentServices services, AgentConditions conditions)
    {
        var config = services.Config;
        _lines = new LineBudget(services.Time);
        _logger = services.Loggers.CreateLogger(LogFeature.Host);
        var trust = MetricsListen.IsLocal(config.Metrics.Listen!) ? null : Load(config, services.Time);
        Observe(services, conditions);
        var options = new ScrapeOptions(config.Metrics.Listen!, "configuration")
        {
            Terms = trust is null ? null : trust.Terms,
            Refused = Refused,
        };
        _server = ScrapeServer.Start(options, new MetricExporter(AgentFamilies.All, AgentInstruments.Meter, _meter), _logger);
    }

    /// <summary>The address that they are served at.</summary>
    public System.Net.IPEndPoint Address => _server.Address;

    /// <summary>Starts to serve metrics at the configured address; null when none is configured.</summary>
    /// <exception cref="ConfigurationException">The address can't be bound, or a certificate can't be used.</exception>
    public static AgentMetrics? Start(AgentServices services, AgentConditions conditions) =>
        services.Config.Metrics.Listen is null ? null : new AgentMetrics(services, conditions);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _meter.Dispose();
    }

    private static ScraperTrust Load(AgentConfig config, TimeProvider time)
    {
        try
        {
            return new ScraperTrust(config, time);
        }
        catch (AccException e)
        {
            throw new ConfigurationException(new ConfigurationError(
                "configuration",
                "Metrics:CertificateFile",
                config.Metrics.CertificateFile,
                e.Message,
                "make certificates with 'make certs', or name the right files in Metrics:CertificateFile, KeyFile and CaFile"));
        }
    }

    private void Observe(AgentServices services, AgentConditions conditions)
    {
        var config = services.Config;
        CommonFamilies.Observe(_meter, () => conditions.Take().Select(c => (c.Name, c.Ok)));
        AgentFamilies.AccConnected.Observe(_meter, () => services.Acc.State.Synced ? 1 : 0);
        AgentFamilies.Attachments.Observe(_meter, () =>
        {
            var counts = services.Claims.All().Where(c => !c.IsHost).CountBy(c => c.StateName).ToDictionary();
            return Claim.StateNames.Select(s => AgentFamilies.Attachments.Measure(counts.GetValueOrDefault(s), s));
        });
        CommonFamilies.CertificateExpiry.Observe(_meter, () => Expiries(config, services.Time.GetUtcNow()));
    }

    private static IEnumerable<Measurement<double>> Expiries(AgentConfig config, DateTimeOffset now)
    {
        foreach (var (name, file) in new[] { ("acc", config.Acc.CertificateFile), ("metrics", config.Metrics.CertificateFile) })
        {
            if (file is not null && CertificateExpiry.OfFile(file, now) is { } seconds)
            {
                yield return CommonFamilies.CertificateExpiry.Measure(seconds, name);
            }
        }
    }

    private void Refused(string peer, string who, bool isCertificate, string reason)
    {
        var name = who.Length == 0 ? "no certificate" : ConfigurationError.OneLine(who, 120);
        reason = ConfigurationError.OneLine(reason, 300);
        if (_lines.Decide(peer, isCertificate ? "certificate" : "connection", $"{name} {reason}") is { Fate: LineFate.Written } verdict)
        {
            LogRefused(peer, name, reason, verdict.Suppressed);
        }
    }

    [LoggerMessage(
        LogLevel.Warning,
        "Refused to serve metrics to {Peer} ({Who}): {Reason} ({Times} similar refusals in the last few minutes were not logged)")]
    private partial void LogRefused(string peer, string who, string reason, long times);
}
