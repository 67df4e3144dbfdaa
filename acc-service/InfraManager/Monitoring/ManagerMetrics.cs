using System.Diagnostics.Metrics;
using ACCOffload.Http;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Target;
using ACCOffload.Metrics;

namespace ACCOffload.InfraManager.Monitoring;

/// <summary>The metrics of inframanager: values that are read at each scrape, and the server for scrapers.</summary>
internal sealed class ManagerMetrics : IAsyncDisposable
{
    private readonly Meter _meter = new("ACCOffload.InfraManager.Host");
    private readonly ScrapeServer _server;

    private ManagerMetrics(Settings settings, MetricSources sources, ILoggerFactory loggers, TimeProvider time)
    {
        var (core, trust) = (sources.Core, sources.Trust);
        var drops = new TargetDrops(sources.Target, () => IsConnected(core.Status));
        Observe(core, sources.Target, sources.Conditions, drops);
        ObservePolicy(sources);
        if (sources.Watch is { } watch)
        {
            ManagerFamilies.WatchAge.Observe(_meter, () => AgesOf(watch, time.GetUtcNow()));
        }

        CommonFamilies.CertificateExpiry.Observe(_meter, () => ExpiriesOf(settings, trust, time.GetUtcNow()));

        var refusals = new RefusalLog(time, loggers.CreateLogger(Features.Security));
        var options = new ScrapeOptions(settings.MetricsListen!, settings.Source)
        {
            Terms = MetricsListen.IsLocal(settings.MetricsListen!) ? null : () => TermsOf(trust.Current, time.GetUtcNow()),
            Refused = (peer, who, isCertificate, reason) => refusals.Refused(
                peer, who, isCertificate ? RefusalReason.Certificate : RefusalReason.Handshake, reason),
        };
        var exporter = new MetricExporter(ManagerFamilies.All, ManagerInstruments.Meter, _meter) { Prepare = drops.ReadAsync };
        _server = ScrapeServer.Start(options, exporter, loggers.CreateLogger(Features.Host));
    }

    /// <summary>The address that serves them.</summary>
    public System.Net.IPEndPoint Address => _server.Address;

    /// <summary>Serves metrics on the configured address; null if none is configured.</summary>
    /// <param name="settings">The settings, with the address.</param>
    /// <param name="sources">What is exported.</param>
    /// <param name="loggers">Creates its loggers.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ConfigurationException">The address can't be bound.</exception>
    public static ManagerMetrics? Start(Settings settings, MetricSources sources, ILoggerFactory loggers, TimeProvider time) =>
        settings.MetricsListen is null ? null : new ManagerMetrics(settings, sources, loggers, time);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _meter.Dispose();
    }

    private void Observe(IProgrammer core, ITargetView target, ConditionSource conditions, TargetDrops drops)
    {
        CommonFamilies.Observe(_meter, () => conditions.Evaluate().All.Select(c => (c.Name, c.Ok)));
        ManagerFamilies.TargetConnected.Observe(_meter, () => IsConnected(core.Status) ? 1 : 0);
        ManagerFamilies.QueueDepth.Observe(_meter, () => core.Status.QueueLength);
        ManagerFamilies.Drops.Observe(_meter, () => drops.Cells.Select(c => ManagerFamilies.Drops.Measure(c.Packets, c.Reason)));
        ManagerFamilies.Services.Observe(_meter, () =>
        {
            var states = core.Services.Values.CountBy(s => s.StateName).ToDictionary();
            return ServiceView.StateNames.Select(n => ManagerFamilies.Services.Measure(states.GetValueOrDefault(n), n));
        });
        ManagerFamilies.TableCapacity.Observe(
            _meter,
            () => target.Pipeline.Tables.Where(t => !t.IsConst).Select(t => ManagerFamilies.TableCapacity.Measure(t.Size, t.Alias)));
        ManagerFamilies.TableEntries.Observe(
            _meter, () => core.Status.Tables.Select(t => ManagerFamilies.TableEntries.Measure(t.Wanted, t.Table)));
        ManagerFamilies.Differences.Observe(
            _meter, () => core.Status.Tables.Select(t => ManagerFamilies.Differences.Measure(t.Differences, t.Table)));
        ManagerFamilies.Difference.Observe(
            _meter, () => core.Status.Differences.Select(d => ManagerFamilies.Difference.Measure(1, d.Table, d.Row, d.Kind)));
    }

    private void ObservePolicy(MetricSources sources)
    {
        ManagerFamilies.PolicyPods.Observe(_meter, () =>
        {
            var policy = sources.Core.Status.Policy;
            return
            [
                ManagerFamilies.PolicyPods.Measure(policy.Isolated, "isolated"),
                ManagerFamilies.PolicyPods.Measure(policy.Pending, "closed"),
            ];
        });
        ManagerFamilies.PolicyProblems.Observe(
            _meter,
            () =>
            [
                ManagerFamilies.PolicyProblems.Measure(sources.NotEnforceable, "not_enforceable"),
                ManagerFamilies.PolicyProblems.Measure(sources.Core.Status.Policy.Unresolved, "unresolved"),
            ]);
        ManagerFamilies.RulePackets.Observe(_meter, sources.Counters.RulePackets);
        ManagerFamilies.StagedPackets.Observe(_meter, sources.Counters.StagedPackets);
    }

    private static bool IsConnected(ProgrammerStatus status) => status.TargetState is not (TargetState.Disconnected or TargetState.Backup);

    private static IEnumerable<Measurement<double>> AgesOf(ClusterWatch watch, DateTimeOffset now)
    {
        foreach (var kind in watch.GetStatus().Kinds)
        {
            // Before the first list or event there is no age; the condition Watch reports that.
            if (new[] { kind.LastEvent, kind.LastList }.Max() is { } last)
            {
                yield return ManagerFamilies.WatchAge.Measure((now - last).TotalSeconds, kind.Kind);
            }
        }
    }

    private static IEnumerable<Measurement<double>> ExpiriesOf(Settings settings, TrustStore trust, DateTimeOffset now)
    {
        yield return CommonFamilies.CertificateExpiry.Measure((trust.Current.NotAfter - now).TotalSeconds, "api");
        if (settings.Target.Kind == TargetKind.External
            && settings.Target.P4Runtime.StartsWith("https:", StringComparison.OrdinalIgnoreCase)
            && CertificateExpiry.OfFile(settings.Target.CertificateFile, now) is { } target)
        {
            yield return CommonFamilies.CertificateExpiry.Measure(target, "target");
        }
    }

    private static HttpTerms TermsOf(TrustSnapshot trust, DateTimeOffset now) =>
        new(
            trust.Server, trust.ChainPolicy(now),
            (certificate, chain) => trust.RefusalOf(ClientCertificate.From(certificate, chain), MetricsListen.ClientRole, now));
}
