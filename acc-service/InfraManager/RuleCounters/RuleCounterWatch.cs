using System.Diagnostics.Metrics;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.Metrics;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.Retries;
using Grpc.Core;

namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>
/// Counts packets by policy rule while policy is in force: reads the table <c>verdicts</c> with its counters every 15 s, when asked, and
/// when a change of policy is about to remove rows. The programmer does not wait for it. Rules are attributed by the number that is read
/// with the row; the programmer then says, between two batches, what the numbers stand for.
/// </summary>
internal sealed partial class RuleCounterWatch : IAsyncDisposable
{
    /// <summary>The time between two readings.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    // Until the first reading, nothing is counted on a target that ran before this process.
    private static readonly TimeSpan FirstInterval = TimeSpan.FromSeconds(1);

    // Between the readings that changes of policy and ctl ask for.
    private static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    // Readings that others ask for may take at most a 20th of the time.
    private const int MinPause = 20;

    private readonly IProgrammer _core;
    private readonly ITargetView _target;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PolicyLog _log;
    private readonly RuleTally _tally;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly ChangeSignal _wake = new();
    private readonly CancellationTokenSource _stop = new();
    private volatile RuleCounterState _state = new("not read yet", null);
    private string _logged = "";
    private long _read;
    private TimeSpan _took;
    private Task _running = Task.CompletedTask;

    /// <param name="core">The programmer, which knows the policy.</param>
    /// <param name="target">The target, which counts.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives failures, and the log of policies.</param>
    public RuleCounterWatch(IProgrammer core, ITargetView target, TimeProvider time, ILogger logger)
    {
        (_core, _target, _time, _logger) = (core, target, time, logger);
        (_log, _tally) = (new PolicyLog(time, logger), new RuleTally(time));
    }

    /// <summary>How far packets are counted. From any thread.</summary>
    public RuleCounterState State => _core.Status.Ready ? _state : _state with { Problem = "as last read: the target is not ready" };

    private bool IsInForce => _core.Status is { Ready: true, Policy: { IsOn: true, IsSynced: true } };

    /// <summary>Starts reading and returns immediately.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>
    /// A change of policy is about to remove rows: what they have counted is read before, if possible. Returns immediately.
    /// </summary>
    public void Wake()
    {
        try
        {
            _wake.Set();
        }
        catch (ObjectDisposedException)
        {
            // The programmer ends after this watch.
        }
    }

    /// <summary>Reads the counters, unless that was done in the last second. A failure is in <see cref="State"/>.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        if (!IsInForce)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        var hasTurn = false;
        try
        {
            await _turn.WaitAsync(limit.Token);
            hasTurn = true;
            if (!_tally.HasRead || _time.GetElapsedTime(_read) >= Pause)
            {
                await ReadAsync(limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Fail($"the target did not report them within {Limit.TotalSeconds:0} s", isFinal: false);
        }
        catch (Exception e) when (e is P4RuntimeException or IntentException)
        {
            Fail(e.Message, isFinal: e is P4RuntimeException { Code: StatusCode.Unimplemented });
        }
        finally
        {
            if (hasTurn)
            {
                _turn.Release();
            }
        }
    }

    /// <summary>What policies have decided, the busiest first; empty before the first reading.</summary>
    public List<PolicyTotal> Policies()
    {
        lock (_lock)
        {
            return PolicyTotal.Of(_tally);
        }
    }

    /// <inheritdoc cref="RuleTally.CountsOf"/>
    public (Dictionary<string, long> Decided, Dictionary<string, long> WouldDrop) CountsOf(IReadOnlySet<uint> groups)
    {
        lock (_lock)
        {
            return _tally.CountsOf(groups);
        }
    }

    /// <summary>The series of <see cref="ManagerFamilies.RulePackets"/>.</summary>
    public IReadOnlyList<Measurement<double>> RulePackets() => Series(
        _tally.Rules,
        t => ManagerFamilies.RulePackets.Measure(
            t.NamedPackets, t.Rule.Policy, t.Rule.ShortName, t.Rule.Direction, t.Key.IsAllowed ? "allow" : "deny"),
        ManagerFamilies.RulePackets);

    /// <summary>The series of <see cref="ManagerFamilies.StagedPackets"/>.</summary>
    public IReadOnlyList<Measurement<double>> StagedPackets() => Series(
        _tally.Staged,
        t => ManagerFamilies.StagedPackets.Measure(t.NamedPackets, t.Rule.Policy, t.Rule.ShortName, t.Rule.Direction),
        ManagerFamilies.StagedPackets);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _wake.Dispose();
        _turn.Dispose();
    }

    private List<Measurement<double>> Series(
        RuleSeries series, Func<RuleTotal, Measurement<double>> measure, MetricFamily family)
    {
        lock (_lock)
        {
            var measured = series.Totals.Where(t => t.IsNamed).Select(measure).ToList();
            if (series.Others > 0 || measured.Count < series.Totals.Count)
            {
                measured.Add(family.Measure(series.Others, [.. family.Labels.Select(_ => MetricFamily.Other)]));
            }

            return measured;
        }
    }

    private TimeSpan Pause => _took * MinPause > MinInterval ? _took * MinPause : MinInterval;

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await RefreshAsync(_stop.Token);
                await _wake.WaitAsync(_tally.HasRead ? Interval : FirstInterval, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        if (VerdictReader.FindTable(_target.Pipeline) is not { } table)
        {
            Fail($"the pipeline {_target.PipelineName} does not count them", isFinal: true);
            return;
        }

        var loads = _target.PipelineLoads;
        var rows = new List<VerdictCount>();
        foreach (var row in await _target.ReadCountedRowsAsync(table, cancellationToken))
        {
            rows.Add(VerdictReader.Read(row));
        }

        var unknown = _tally.UnknownRules(rows);
        var directory = await _core.AskPolicyAsync(policy => RuleDirectory.Of(policy, unknown), cancellationToken);
        if (directory is null || loads != _target.PipelineLoads)
        {
            // The target has just restarted. The next reading finds its new rows.
            return;
        }

        List<RuleGrowth> logged;
        lock (_lock)
        {
            logged = _tally.Take(rows, directory, loads);
        }

        _log.Report(logged);
        (_read, _took) = (_time.GetTimestamp(), _time.GetElapsedTime(started));
        _state = new RuleCounterState("", _state.Since ?? _time.GetUtcNow());
        _logged = "";
    }

    private void Fail(string problem, bool isFinal)
    {
        _state = _state with { Problem = isFinal ? $"not counted by this target: {problem}" : problem };
        // A target that is away is reported elsewhere.
        if (_logged.Length > 0 || !IsInForce)
        {
            return;
        }

        _logged = problem;
        if (isFinal)
        {
            LogNotCounted(problem);
        }
        else
        {
            LogFailed(problem);
        }
    }

    [LoggerMessage(EventId = 6211, Level = LogLevel.Information,
        Message = "Packets by policy rule are not counted by this target, and policies that log are not logged: {Problem}")]
    private partial void LogNotCounted(string problem);

    [LoggerMessage(EventId = 6212, Level = LogLevel.Warning,
        Message = "Packets by policy rule cannot be read from the target: {Problem}; trying again, what was counted stays")]
    private partial void LogFailed(string problem);
}
