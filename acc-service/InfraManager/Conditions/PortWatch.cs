using System.Collections.Frozen;
using System.Globalization;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// Asks the target every few seconds whether its ports pass packets and whether its tables take new flows, as far as the target tells. A link
/// that is missing counts only after a while: whoever makes it may come a moment later.
/// </summary>
internal sealed class PortWatch : IAsyncDisposable
{
    /// <summary>How long a port may lack its link before that counts.</summary>
    public static readonly TimeSpan MissingGrace = TimeSpan.FromSeconds(5);

    /// <summary>How long a table that turned a flow away counts as full.</summary>
    public static readonly TimeSpan FullFor = TimeSpan.FromSeconds(60);

    private const int MostNames = 3;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    private readonly IProgrammer _core;
    private readonly Func<TargetConnection> _connection;
    private readonly GnmiClient _gnmi;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, long> _missingSince = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ulong Count, long? Since)> _full = new(StringComparer.Ordinal);
    private volatile PortReport _report = PortReport.Fine;
    private volatile Condition _ports = Condition.Met(ConditionNames.Ports, "not looked at yet");
    private volatile string _fullTables = "";
    private volatile string _previousFailure = "";
    private long _looked = -1;
    private Task _running = Task.CompletedTask;

    /// <param name="core">Says which ports there are to be.</param>
    /// <param name="connection">Where the connection to the target stands.</param>
    /// <param name="gnmi">Asks the target; stays the caller's.</param>
    /// <param name="time">The clock.</param>
    public PortWatch(IProgrammer core, Func<TargetConnection> connection, GnmiClient gnmi, TimeProvider time)
    {
        _core = core;
        _connection = connection;
        _gnmi = gnmi;
        _time = time;
    }

    /// <summary>What the target last said of its ports.</summary>
    public PortReport Report => _report;

    /// <summary>Whether ports pass packets.</summary>
    public Condition Ports => _connection() is { IsPrimary: true } connection
        ? Interlocked.Read(ref _looked) == connection.Generation ? _ports : Condition.Unmet(ConditionNames.Ports, "not looked at since the target was last reached")
        : Condition.Unmet(ConditionNames.Ports, "not known while the target is away");

    /// <summary>Names the tables that turned new flows away; empty while none did.</summary>
    public string FullTables => _fullTables;

    /// <summary>Why no ADD can work because of the ports; empty while one can.</summary>
    public string Obstacle => Ports is { PreventsAdds: true } ports ? ports.Reason : "";

    /// <summary>Starts asking; returns at once.</summary>
    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Asks once.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
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
            Take(losses, states);
        }
        catch (P4RuntimeException e)
        {
            // Once may be a busy moment.
            if (_previousFailure.Length == 0)
            {
                _previousFailure = e.Message;
                return;
            }
            _ports = Condition.Blocking(ConditionNames.Ports, $"the target can't be asked: {e.Message}");
        }
        Interlocked.Exchange(ref _looked, connection.Generation);
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
                await LookAsync(_stop.Token);
                var current = _connection() is { IsPrimary: true } connection && Interlocked.Read(ref _looked) == connection.Generation;
                await Task.Delay(current ? Every : Every / 10, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private void Take(TargetLosses? losses, IReadOnlyDictionary<string, PortStatus>? states)
    {
        if (losses is null)
        {
            _report = PortReport.Fine;
            _ports = Condition.Met(ConditionNames.Ports, "this target does not tell the state of its ports");
            return;
        }
        NoteFull(losses.NotLearned);
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
            else if (IsMissingLong(name))
            {
                problems[name] = "there is no such link in the port namespace";
                missing++;
            }
        }
        foreach (var gone in _missingSince.Keys.Except(names).ToList())
        {
            _missingSince.Remove(gone);
        }

        _report = new PortReport(losses.PortFault, problems.ToFrozenDictionary(StringComparer.Ordinal));
        _ports = Judge(losses.PortFault, names.Count, broken, missing, problems);
    }

    private static Condition Judge(string fault, int all, List<string> broken, int missing, Dictionary<string, string> problems)
    {
        if (fault.Length > 0)
        {
            return Condition.Blocking(ConditionNames.Ports, fault);
        }

        if (broken.Count > 0)
        {
            return Condition.Unmet(ConditionNames.Ports, $"{Count(broken.Count, all)} can't be opened: {string.Join("; ", broken.Order(StringComparer.Ordinal).Take(MostNames).Select(n => $"{n} ({problems[n]})"))}{More(broken.Count)}");
        }

        if (missing == 0)
        {
            return Condition.Met(ConditionNames.Ports);
        }

        var first = string.Join(", ", problems.Keys.Order(StringComparer.Ordinal).Take(MostNames));
        // One pod whose link vanished is that pod's loss; when no link is there, agent and target do not mean the same namespace, or the host lost all.
        return missing == all
            ? Condition.Unmet(ConditionNames.Ports, $"no port has its link in the port namespace: {first}{More(missing)}")
            : Condition.Met(ConditionNames.Ports, $"{Count(missing, all)} without a link: {first}{More(missing)}");
    }

    private bool IsMissingLong(string name)
    {
        if (!_missingSince.TryGetValue(name, out var since))
        {
            _missingSince[name] = since = _time.GetTimestamp();
        }

        return _time.GetElapsedTime(since) >= MissingGrace;
    }

    private void NoteFull(IReadOnlyDictionary<string, ulong> notLearned)
    {
        foreach (var (table, count) in notLearned)
        {
            var known = _full.TryGetValue(table, out var before);
            // What was counted before this process looked for the first time tells nothing of now; a smaller count is another target's.
            _full[table] = (count, known && count > before.Count ? _time.GetTimestamp() : before.Since);
        }
        _fullTables = string.Join(", ", _full.Where(f => f.Value.Since is { } since && _time.GetElapsedTime(since) < FullFor)
            .OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key} ({f.Value.Count.ToString(CultureInfo.InvariantCulture)} flows turned away so far)"));
    }

    private static string Count(int some, int all) => string.Create(CultureInfo.InvariantCulture, $"{some} of {all} ports");

    private static string More(int count) => count > MostNames ? string.Create(CultureInfo.InvariantCulture, $" and {count - MostNames} more") : "";
}

/// <summary>What the pool of Target:Ports means for attachments.</summary>
internal static class PortPoolCondition
{
    /// <summary>Why no attachment can be made on this target; null while one can.</summary>
    /// <param name="traits">Of the target.</param>
    /// <param name="ports">Target:Ports.</param>
    public static Condition? Of(TargetTraits traits, TargetPorts ports) => traits.TakesPorts || ports.Names.Count > 0
        ? null
        : Condition.Blocking(ConditionNames.Ports, $"{traits.Name} takes no port at run time, and Target:Ports is empty: name the ports that are made before the pipeline is pushed, 1, 2, 4, 8, … of them");

    /// <summary>A line for the operator when every port of the pool is in use; otherwise empty.</summary>
    /// <param name="core">Holds the endpoints.</param>
    /// <param name="rules">Name the ports that are lent.</param>
    public static string NoticeOf(IProgrammer core, DeviceRules rules) => rules.Pool.Count > 0 && !rules.FreePorts(core.Endpoints.Select(e => e.Endpoint.Spec)).Any()
        ? $"all {rules.Pool.Count} ports of Target:Ports are in use: the next attachment is refused"
        : "";
}
