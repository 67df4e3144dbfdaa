using System.Collections.Frozen;
using System.Globalization;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// Polls the target every few seconds for the states of its ports and for tables without room for new flows, if it reports them. A missing
/// link counts only after a grace period, because it may be created shortly after its port.
/// </summary>
internal sealed class PortWatch : IAsyncDisposable
{
    /// <summary>How long a port may be without its link.</summary>
    private static readonly TimeSpan MissingGrace = TimeSpan.FromSeconds(5);

    /// <summary>How long a table counts as full after it rejected a flow.</summary>
    private static readonly TimeSpan FullPeriod = TimeSpan.FromSeconds(60);

    private const int MaxNames = 3;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly IProgrammer _core;
    private readonly Func<TargetConnection> _connection;
    private readonly GnmiClient _gnmi;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, long> _missingSince = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ulong Count, long? Since)> _full = new(StringComparer.Ordinal);
    private volatile PortReport _report = PortReport.Fine;
    private volatile Condition _ports = Condition.Met(ConditionNames.Ports, "not checked yet");
    private volatile string _fullTables = "";
    private volatile string _previousFailure = "";
    private long _polledGeneration = -1;
    private Task _running = Task.CompletedTask;

    /// <param name="core">The programmer, whose endpoints use the ports.</param>
    /// <param name="connection">Returns the state of the connection to the target.</param>
    /// <param name="gnmi">A client of the target, owned by the caller.</param>
    /// <param name="time">The clock.</param>
    public PortWatch(IProgrammer core, Func<TargetConnection> connection, GnmiClient gnmi, TimeProvider time)
    {
        _core = core;
        _connection = connection;
        _gnmi = gnmi;
        _time = time;
    }

    /// <summary>The port states that the target last reported.</summary>
    public PortReport Report => _report;

    /// <summary>Whether ports pass packets.</summary>
    public Condition Ports => _connection() is { IsPrimary: true } connection
        ? Interlocked.Read(ref _polledGeneration) == connection.Generation
            ? _ports
            : Condition.Unmet(ConditionNames.Ports, "not checked since the target was last connected")
        : Condition.Unmet(ConditionNames.Ports, "unknown while the target is unavailable");

    /// <summary>The tables that recently rejected new flows; empty if none did.</summary>
    public string FullTables => _fullTables;

    /// <summary>Why the ports prevent every ADD; otherwise empty.</summary>
    public string BlockingReason => Ports is { PreventsAdds: true } ports ? ports.Reason : "";

    /// <summary>Starts polling and returns immediately.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Polls the target once.</summary>
    public async Task PollAsync(CancellationToken cancellationToken)
    {
        var connection = _connection();
        if (!connection.IsPrimary)
        {
            return;
        }

        try
        {
            var losses = await _gnmi.GetLossesAsync(cancellationToken);
            var states = losses is { PortsDown: > 0 } ? await _gnmi.GetPortStatesAsync(cancellationToken) : null;
            _previousFailure = "";
            Update(losses, states);
        }
        catch (P4RuntimeException e)
        {
            // The target may just be busy; report only repeated failures.
            if (_previousFailure.Length == 0)
            {
                _previousFailure = e.Message;
                return;
            }
            _ports = Condition.Blocking(ConditionNames.Ports, $"cannot query the target: {e.Message}");
        }
        Interlocked.Exchange(ref _polledGeneration, connection.Generation);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await PollAsync(_stop.Token);
                var current =
                    _connection() is { IsPrimary: true } connection && Interlocked.Read(ref _polledGeneration) == connection.Generation;
                await Task.Delay(current ? Interval : Interval / 10, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private void Update(TargetLosses? losses, IReadOnlyDictionary<string, PortStatus>? states)
    {
        if (losses is null)
        {
            _report = PortReport.Fine;
            _ports = Condition.Met(ConditionNames.Ports, "this target does not report port states");
            return;
        }
        UpdateFullTables(losses.NotLearned);
        var problems = new Dictionary<string, string>(StringComparer.Ordinal);
        var names = _core.Endpoints.Select(e => e.Endpoint.Spec.PortName).Distinct(StringComparer.Ordinal).ToList();
        var (broken, missing) = (new List<string>(), 0);
        foreach (var name in names)
        {
            if (states?.GetValueOrDefault(name) is not { IsUp: false } state)
            {
                _missingSince.Remove(name);
                continue;
            }
            if (state.Fault.Length > 0)
            {
                problems[name] = state.Fault;
                broken.Add(name);
            }
            else if (IsMissingTooLong(name))
            {
                problems[name] = "no such link in the port namespace";
                missing++;
            }
        }
        foreach (var gone in _missingSince.Keys.Except(names).ToList())
        {
            _missingSince.Remove(gone);
        }

        _report = new PortReport(losses.PortFault, problems.ToFrozenDictionary(StringComparer.Ordinal));
        _ports = Evaluate(losses.PortFault, names.Count, broken, missing, problems);
    }

    private static Condition Evaluate(string fault, int all, List<string> broken, int missing, Dictionary<string, string> problems)
    {
        if (fault.Length > 0)
        {
            return Condition.Blocking(ConditionNames.Ports, fault);
        }

        if (broken.Count > 0)
        {
            var names = string.Join("; ", broken.Order(StringComparer.Ordinal).Take(MaxNames).Select(n => $"{n} ({problems[n]})"));
            return Condition.Unmet(ConditionNames.Ports, $"{Count(broken.Count, all)} cannot be opened: {names}{More(broken.Count)}");
        }

        if (missing == 0)
        {
            return Condition.Met(ConditionNames.Ports);
        }

        var first = string.Join(", ", problems.Keys.Order(StringComparer.Ordinal).Take(MaxNames));
        // A single missing link affects only its pod. If all are missing, agent and target may use different namespaces.
        return missing == all
            ? Condition.Unmet(ConditionNames.Ports, $"no port has its link in the port namespace: {first}{More(missing)}")
            : Condition.Met(ConditionNames.Ports, $"{Count(missing, all)} without a link: {first}{More(missing)}");
    }

    private bool IsMissingTooLong(string name)
    {
        if (!_missingSince.TryGetValue(name, out var since))
        {
            _missingSince[name] = since = _time.GetTimestamp();
        }

        return _time.GetElapsedTime(since) >= MissingGrace;
    }

    private void UpdateFullTables(IReadOnlyDictionary<string, ulong> notLearned)
    {
        foreach (var (table, count) in notLearned)
        {
            var known = _full.TryGetValue(table, out var before);
            // The first count may be old, and a smaller count comes from a restarted target.
            _full[table] = (count, known && count > before.Count ? _time.GetTimestamp() : before.Since);
        }
        _fullTables = string.Join(", ", _full.Where(f => f.Value.Since is { } since && _time.GetElapsedTime(since) < FullPeriod)
            .OrderBy(f => f.Key, StringComparer.Ordinal)
            .Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Key} ({f.Value.Count} new flows rejected so far)")));
    }

    private static string Count(int some, int all) => string.Create(CultureInfo.InvariantCulture, $"{some} of {all} ports");

    private static string More(int count) =>
        count > MaxNames ? string.Create(CultureInfo.InvariantCulture, $" and {count - MaxNames} more") : "";
}

/// <summary>Whether the port pool (Target:Ports) allows attachments.</summary>
internal static class PortPoolCondition
{
    /// <summary>A condition that prevents attachments without ports; null if attachments are possible.</summary>
    /// <param name="traits">Traits of the target.</param>
    /// <param name="ports">The ports of Target:Ports.</param>
    public static Condition? Of(TargetTraits traits, TargetPorts ports) => traits.TakesPorts || ports.Names.Count > 0
        ? null
        : Condition.Blocking(
            ConditionNames.Ports,
            $"{traits.Name} cannot add ports at run time and Target:Ports is empty; list the ports created before the pipeline is pushed "
            + "(1, 2, 4, 8, … ports)");

    /// <summary>A notice for the operator if all ports of the pool are in use; otherwise empty.</summary>
    /// <param name="core">The programmer, which has the endpoints.</param>
    /// <param name="rules">The rules that name the ports of the pool.</param>
    public static string NoticeOf(IProgrammer core, DeviceRules rules) =>
        rules.Pool.Count > 0 && !rules.FreePorts(core.Endpoints.Select(e => e.Endpoint.Spec)).Any()
            ? $"all {rules.Pool.Count} ports of Target:Ports are in use; the next attachment will be refused"
            : "";
}
