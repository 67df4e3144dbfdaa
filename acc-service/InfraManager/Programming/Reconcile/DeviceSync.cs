using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// Programs the target with the desired state: ports first, then table rows. As long as every answer arrives it knows what the target has;
/// otherwise it reads the target back first. Changes, rollbacks, starts and repairs all use <see cref="PassAsync"/>. Used by the
/// programmer's loop only.
/// </summary>
internal sealed partial class DeviceSync
{
    private const int MaxAttempts = 3;
    private const int MaxCorrections = 3;

    private readonly ITarget _target;
    private readonly NodeSettings _node;
    private readonly EffectiveNode _effective;
    private readonly ProgrammerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Action _progress;
    private readonly Dictionary<long, uint> _declared = [];
    private NetworkModel _model;
    private ModelCompiler? _compiler;
    private string _pipelineProblem = "";
    private bool _allDeclared;
    private long _generation = -1;
    private bool _mustReadBack = true;
    private bool _mayChangeLate;
    private uint _mark;
    private uint _timeRead;
    private readonly LoggedRefusals _loggedRefusals = new();

    /// <exception cref="P4InfoException">The pipeline is known and lacks something; the message names it.</exception>
    public DeviceSync(
        NetworkModel model, ITarget target, NodeSettings node, ProgrammerOptions options, TimeProvider time, ILogger logger,
        Action progress)
    {
        _model = model;
        _target = target;
        _node = node;
        _effective = new EffectiveNode(node);
        Tables = new TableState(node.Profile.Order);
        _compiler = target.Pipeline is { } pipeline ? node.Profile.CreateCompiler(pipeline, node) : null;
        _options = options;
        _time = time;
        _logger = logger;
        _progress = progress;
    }

    /// <summary>
    /// Called after the target was read back, with its high-water mark of IDs (0 for none) and whether its pipeline was just loaded, which
    /// means that it has no learned flows.
    /// </summary>
    public required Action<uint, bool> MarkRead { get; init; }

    /// <summary>Called after the target was read back, with the value of its session affinity clock, if it has one.</summary>
    public required Action<uint> TimeRead { get; init; }

    public TableState Tables { get; private set; }

    public long WritesSent { get; private set; }

    public long UpdatesSent { get; private set; }

    public ReconcileCounts LastReconcile { get; private set; } = ReconcileCounts.None;

    /// <summary>Whether a reply was lost and the tables have not been read back since.</summary>
    public bool OutcomeUnknown { get; private set; }

    /// <summary>Whether we are primary and know what the target has.</summary>
    public bool IsReady => !_mustReadBack && _target.Connection is { IsPrimary: true } c && c.Generation == _generation;

    /// <summary>Whether the target had something unexpected, so that an audit is worthwhile.</summary>
    public bool SuspectsDrift { get; set; }

    /// <summary>
    /// Returns and clears whether a call's outcome was unknown. The target may still execute such a call after the tables were read back,
    /// so an audit is due later.
    /// </summary>
    public bool TakeLateChanges() => (_mayChangeLate, _mayChangeLate = false).Item1;

    /// <summary>Whether the target is ready and its tables equal the model.</summary>
    public bool IsReconciled => IsReady && Tables.DirtyCount == 0;

    /// <summary>Why the target cannot be programmed, in one line.</summary>
    public string NotReadyReason => _target.Connection switch
    {
        { IsPrimary: false } c => $"the target is not available: {c.Reason}",
        _ when _pipelineProblem.Length > 0 => _pipelineProblem,
        _ when OutcomeUnknown => "the target did not answer; its tables are being read back",
        _ => "the target's tables are being compared with the model",
    };

    /// <summary>Why the target's pipeline cannot be used; empty while it can.</summary>
    public string PipelineProblem => _pipelineProblem;

    /// <summary>Whether only rows are left that the target refuses to delete, and ports waiting for them: that seldom changes.</summary>
    public bool HasOnlyRefusedDeletes =>
        Tables.HasOnlyRefusedDeletes() && _model.Endpoints.Values.All(e => _ports.ContainsKey(e.Spec.PortName));

    /// <summary>Whether something is left that needs a retry.</summary>
    public bool HasLeftovers =>
        Tables.HasRefused() || _model.Endpoints.Values.Any(e => !_ports.ContainsKey(e.Spec.PortName)) || HasPortsToRemove;

    /// <summary>Switches to a model reloaded from the store; what the target has counts as unknown.</summary>
    public void Restart(NetworkModel model)
    {
        _model = model;
        Tables = new TableState(_node.Profile.Order);
        _declared.Clear();
        ForgetPolicy();
        _allDeclared = false;
        Invalidate();
    }

    /// <summary>Updates the desired rows of these owners while the target is not reachable.</summary>
    public void Declare(IReadOnlyCollection<OwnerId> owners) => Declare(owners, []);

    /// <summary>
    /// Programs the desired state of these owners, and whatever else is left to write. After a lost reply the target is read back and the
    /// rest is written, within <see cref="ProgrammerOptions.OutcomeLimit"/>.
    /// </summary>
    public Task<RealiseResult> RealiseAsync(IReadOnlyCollection<OwnerId> owners, CancellationToken cancellationToken) =>
        RealiseAsync(owners, isPolicyStep: false, cancellationToken);

    private async Task<RealiseResult> RealiseAsync(
        IReadOnlyCollection<OwnerId> owners, bool isPolicyStep, CancellationToken cancellationToken)
    {
        var lost = NotReadyReason;
        long? since = null;
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var left = _options.OutcomeLimit - (since is { } first ? _time.GetElapsedTime(first) : TimeSpan.Zero);
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            var refusals = new Dictionary<OwnerId, IntentException>();
            try
            {
                if (!IsReady)
                {
                    await RecoverAsync(left, cancellationToken);
                }

                var mode = new PassMode(
                    Verify: OutcomeUnknown, DoubtIsRefusal: attempt > 0, HoldBack: true, IsPolicyStep: isPolicyStep);
                await PassAsync(owners, refusals, mode, cancellationToken);
                return new RealiseResult(null, refusals);
            }
            catch (DeviceLostException e)
            {
                since ??= _time.GetTimestamp();
                lost = e.Message;
                LogLost(e.Message);
                Invalidate();
                OutcomeUnknown = true;
                if (cancellationToken.IsCancellationRequested)
                {
                    break;
                }
            }
        }

        Declare(owners);
        return new RealiseResult(lost, new Dictionary<OwnerId, IntentException>());
    }

    /// <summary>Reads the target back and repairs all differences. Returns false if that could not be completed.</summary>
    public async Task<bool> ReconcileAsync(bool isAudit, CancellationToken cancellationToken)
    {
        try
        {
            var counts = new Counts();
            await ReadBackAsync(cancellationToken);
            var refusals = new Dictionary<OwnerId, IntentException>();
            await PassAsync([], refusals, new PassMode(Verify: true, DoubtIsRefusal: true, Counts: counts), cancellationToken);
            Hook(CrashPoint.ReconcileWritten);
            await RemovePortsAsync(cancellationToken);
            var result = counts.ToResult();
            if (!isAudit || result.Total > 0)
            {
                LastReconcile = result;
                LogReconciled(result.Inserted, result.Modified, result.Deleted, Tables.DesiredCount, Tables.DirtyCount);
            }

            foreach ((var owner, var error) in refusals)
            {
                LogIncomplete(owner, error.Message);
            }

            return true;
        }
        catch (DeviceLostException e)
        {
            Invalidate();
            LogReconcileFailed(e.Message);
            return false;
        }
    }

    /// <summary>Retries refused rows, missing ports and outstanding port removals.</summary>
    public async Task RetryAsync(CancellationToken cancellationToken)
    {
        try
        {
            Tables.RetryRefused();
            // A retried row may have been acknowledged before without being applied. Where writes are unreliable, they are read back
            // anyway.
            await PassAsync([], [], new PassMode(Verify: _target.Traits.WritesAreReliable, DoubtIsRefusal: true), cancellationToken);
            await RemovePortsAsync(cancellationToken);
        }
        catch (DeviceLostException e)
        {
            LogLost(e.Message);
            Invalidate();
            OutcomeUnknown = true;
        }
    }

    /// <summary>
    /// The single path to the desired state: ports of the endpoints, rows of the owners, writes. Repairs all other differences too.
    /// </summary>
    private async Task PassAsync(
        IReadOnlyCollection<OwnerId> owners, Dictionary<OwnerId, IntentException> refusals, PassMode mode,
        CancellationToken cancellationToken)
    {
        // Allocating an ID moves the high-water mark.
        HashSet<OwnerId> all = _allDeclared ? [.. owners, OwnerId.Ids] : [.. owners, .. ModelCompiler.OwnersOf(_model)];
        foreach (var endpoint in _model.Endpoints.Values)
        {
            if (!_ports.TryGetValue(endpoint.Spec.PortName, out var port) || !_declared.TryGetValue(endpoint.Id, out var declared)
                || declared != port)
            {
                all.Add(OwnerId.OfEndpoint(endpoint.Id));
                // The neighbours' rows name these ports.
                if (endpoint.Spec.Kind is EndpointKind.Uplink or EndpointKind.Exception)
                {
                    all.UnionWith(_model.Neighbors.Values.Select(n => OwnerId.OfNeighbor(n.Id)));
                }
            }
        }

        await EnsurePortsAsync(EndpointsAmong(all), refusals, cancellationToken);
        AddFollowers(all);
        // The uplink sends ARP to the host or to the exception port, which sends to the uplink: their ports may have just become known.
        foreach (var configured in new[] { _model.Endpoints.Uplink, _model.Endpoints.ExceptionPort }.OfType<Endpoint>())
        {
            all.Add(OwnerId.OfEndpoint(configured.Id));
        }

        DeclarePolicy();
        if (!mode.IsPolicyStep && Tables.HasPolicyDifferences)
        {
            _model.Policies.IsFenced = true;
        }

        all.UnionWith(ChangedEndpoints());
        Declare(all, refusals);
        _allDeclared = true;
        if (_model.Policies.IsFenced)
        {
            Tables.HoldsPolicy = true;
            try
            {
                await WriteOutAsync(refusals, mode, cancellationToken);
            }
            finally
            {
                Tables.HoldsPolicy = false;
            }
        }

        await WriteOutAsync(refusals, mode, cancellationToken);
        if (_model.Policies.IsFenced && !Tables.HasPolicyDifferences)
        {
            _model.Policies.IsFenced = false;
            Declare(ChangedEndpoints(), refusals);
            await WriteOutAsync(refusals, mode, cancellationToken);
        }

        OutcomeUnknown = false;
    }

    /// <summary>Writes everything that is left, and reads back what was written where that is needed.</summary>
    private async Task WriteOutAsync(Dictionary<OwnerId, IntentException> refusals, PassMode mode, CancellationToken cancellationToken)
    {
        var isReliable = _target.Traits.WritesAreReliable;
        for (var round = 0; ; round++)
        {
            var touched = isReliable ? null : new TouchedRows();
            var applied = await FlushAsync(refusals, mode, touched, cancellationToken);
            if (!IsReady)
            {
                throw new DeviceLostException("the connection to the target was lost during the write");
            }

            if (applied == 0 || (isReliable && !mode.Verify))
            {
                break;
            }

            if (mode.Verify || touched is null)
            {
                await ReadTablesAsync(_compiler!.Tables, cancellationToken);
            }
            else
            {
                await ReadTouchedAsync(touched, cancellationToken);
            }

            if (round == MaxAttempts)
            {
                RefuseNotApplied(refusals);
                break;
            }
        }
    }

    private IEnumerable<Endpoint> EndpointsAmong(IEnumerable<OwnerId> owners) =>
        owners.Where(o => o.Kind == OwnerKind.Endpoint).Select(o => _model.Endpoints.Find(o.Id)).OfType<Endpoint>();

    /// <summary>Adds the services whose entries depend on these endpoints.</summary>
    private void AddFollowers(HashSet<OwnerId> owners)
    {
        if (_compiler is not { ServicesFollowEndpoints: true } || !owners.Any(o => o.Kind == OwnerKind.Endpoint))
        {
            return;
        }
        var node = _effective.Of(_model);
        // The host interface is found by the node's addresses, even after it was removed.
        List<IPAddress> addresses = [.. EndpointsAmong(owners).SelectMany(e => e.Spec.Addresses).Concat(node.NodeAddresses)
            .Concat(node.HostAddresses)];
        owners.UnionWith(addresses.SelectMany(_model.Services.WithBackend).Select(s => OwnerId.OfService(s.Id)));
    }

    private void Declare(IReadOnlyCollection<OwnerId> owners, Dictionary<OwnerId, IntentException> refusals)
    {
        // Nothing can be compiled for an unknown pipeline; once it is known, all owners are declared.
        if (_compiler is not { } compiler)
        {
            return;
        }
        // Release all first: another owner may want a released row with other contents.
        foreach (var owner in owners)
        {
            Tables.Release(owner);
            if (owner.Kind == OwnerKind.Endpoint)
            {
                _declared.Remove(owner.Id);
                _declaredSets.Remove(owner.Id);
            }
        }

        foreach (var owner in owners)
        {
            // An endpoint without a port has no rows; it is declared again when its port is known.
            if (compiler.Compile(owner, _model, PortOf) is not { } entries)
            {
                continue;
            }

            if (Tables.Acquire(owner, entries) is { } conflict)
            {
                refusals.TryAdd(owner, new IntentException(IntentError.AlreadyExists, $"another owner has {conflict}"));
            }
            else if (owner.Kind == OwnerKind.Endpoint && PortOf(_model.Endpoints.Find(owner.Id)!.Spec.PortName) is { } port)
            {
                _declared[owner.Id] = port;
                _declaredSets[owner.Id] = _model.Policies.Of(_model.Endpoints.Find(owner.Id)!);
            }
        }

        _progress();
    }

    /// <summary>Switches to the target's pipeline if it changed; what was known about rows is then invalid.</summary>
    /// <exception cref="DeviceLostException">The pipeline does not match the node's profile.</exception>
    private void TakePipeline()
    {
        if (_target.Pipeline is not { } pipeline || ReferenceEquals(_compiler?.Pipeline, pipeline))
        {
            return;
        }

        try
        {
            _compiler = _node.Profile.CreateCompiler(pipeline, _node);
        }
        catch (P4InfoException e)
        {
            _compiler = null;
            throw new DeviceLostException($"the target's pipeline does not match profile {_node.Profile.Name}: {e.Message}", e);
        }
        finally
        {
            Tables = new TableState(_node.Profile.Order);
            _declared.Clear();
            ForgetPolicy();
            _allDeclared = false;
        }
    }

    private void Invalidate()
    {
        _mustReadBack = true;
        _generation = -1;
    }

    private void Hook(CrashPoint point) => _options.FaultHook?.Invoke(point);

    /// <summary>Counts the updates of a reconciliation by kind.</summary>
    private sealed class Counts
    {
        private long _inserted;
        private long _modified;
        private long _deleted;

        public void Add(UpdateKind kind)
        {
            switch (kind)
            {
                case UpdateKind.Insert:
                    _inserted++;
                    break;
                case UpdateKind.Modify:
                    _modified++;
                    break;
                default:
                    _deleted++;
                    break;
            }
        }

        public ReconcileCounts ToResult() => new(_inserted, _modified, _deleted);
    }
}
