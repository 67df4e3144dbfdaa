using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// Brings the target to what the model says: ports, then table rows. Knows what the target holds as long as every answer arrived; otherwise
/// reads it back first. A change, a rollback, a start and a repair all come down to <see cref="PassAsync"/>. Used by the programmer's loop
/// alone.
/// </summary>
internal sealed partial class DeviceSync
{
    private const int MaxAttempts = 3;
    private const int MaxCorrections = 3;

    private readonly ITarget _target;
    private readonly NodeSettings _node;
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
    private readonly LoggedRefusals _loggedRefusals = new();

    /// <exception cref="P4InfoException">The pipeline, which is known already, lacks something; the message names it.</exception>
    public DeviceSync(
        NetworkModel model, ITarget target, NodeSettings node, ProgrammerOptions options, TimeProvider time, ILogger logger,
        Action progress)
    {
        _model = model;
        _target = target;
        _node = node;
        Tables = new TableState(node.Profile.Order);
        _compiler = target.Pipeline is { } pipeline ? node.Profile.CreateCompiler(pipeline, node) : null;
        _options = options;
        _time = time;
        _logger = logger;
        _progress = progress;
    }

    /// <summary>
    /// Called when the target was read back: with the mark of its ids, 0 for none, and whether its pipeline, and with it all learned flows,
    /// is new.
    /// </summary>
    public required Action<uint, bool> MarkRead { get; init; }

    public TableState Tables { get; private set; }

    public long WritesSent { get; private set; }

    public long UpdatesSent { get; private set; }

    public ReconcileCounts LastReconcile { get; private set; } = ReconcileCounts.None;

    /// <summary>A reply was lost and the tables were not read back since.</summary>
    public bool OutcomeUnknown { get; private set; }

    /// <summary>Primary, and what the target holds is known since.</summary>
    public bool IsReady => !_mustReadBack && _target.Connection is { IsPrimary: true } c && c.Generation == _generation;

    /// <summary>The target held something else than was known: the tables are worth an audit.</summary>
    public bool SuspectsDrift { get; set; }

    /// <summary>
    /// Whether a call's outcome was unknown since this was last asked. The target may still carry it out after the tables were read back,
    /// so an audit is due once it must have.
    /// </summary>
    public bool TakeLateChanges() => (_mayChangeLate, _mayChangeLate = false).Item1;

    /// <summary>Ready, and the tables equal the model.</summary>
    public bool IsReconciled => IsReady && Tables.DirtyCount == 0;

    /// <summary>Why the target can't be programmed; one line.</summary>
    public string NotReadyReason => _target.Connection switch
    {
        { IsPrimary: false } c => $"the target is away: {c.Reason}",
        _ when _pipelineProblem.Length > 0 => _pipelineProblem,
        _ when OutcomeUnknown => "the target did not answer; its tables are being read back",
        _ => "the target's tables are being compared with the model",
    };

    /// <summary>Why the target's pipeline can't be used; empty while it can.</summary>
    public string PipelineProblem => _pipelineProblem;

    /// <summary>Nothing is left but rows that the target refuses to delete, and ports that wait for them: that seldom changes.</summary>
    public bool HasOnlyRefusedDeletes =>
        Tables.HasOnlyRefusedDeletes() && _model.Endpoints.Values.All(e => _ports.ContainsKey(e.Spec.PortName));

    /// <summary>Something is left that only trying again can mend.</summary>
    public bool HasLeftovers =>
        Tables.HasRefused() || _model.Endpoints.Values.Any(e => !_ports.ContainsKey(e.Spec.PortName)) || HasPortsToRemove;

    /// <summary>Takes another model, as read from the store; what the target holds counts as unknown.</summary>
    public void Restart(NetworkModel model)
    {
        _model = model;
        Tables = new TableState(_node.Profile.Order);
        _declared.Clear();
        _allDeclared = false;
        Lose();
    }

    /// <summary>Takes over what the model says of these owners, for a target that can't be reached now.</summary>
    public void Declare(IReadOnlyCollection<OwnerId> owners) => Declare(owners, []);

    /// <summary>
    /// Makes the target hold what the model says of these owners (and of everything else that is left to write). A lost reply is followed
    /// by reading back and finishing, within <see cref="ProgrammerOptions.OutcomeLimit"/>.
    /// </summary>
    public async Task<RealiseResult> RealiseAsync(IReadOnlyCollection<OwnerId> owners, CancellationToken cancellationToken)
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

                await PassAsync(owners, refusals, new PassMode(Verify: OutcomeUnknown, DoubtIsRefusal: attempt > 0, HoldBack: true),
                    cancellationToken);
                return new RealiseResult(null, refusals);
            }
            catch (DeviceLostException e)
            {
                since ??= _time.GetTimestamp();
                lost = e.Message;
                LogLost(e.Message);
                Lose();
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

    /// <summary>Reads the target back and repairs every difference. False if that could not be finished.</summary>
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
            Lose();
            LogReconcileFailed(e.Message);
            return false;
        }
    }

    /// <summary>Tries refused rows, missing ports and outstanding port removals again.</summary>
    public async Task RetryAsync(CancellationToken cancellationToken)
    {
        try
        {
            Tables.RetryRefused();
            // What is tried again may be what was acknowledged and not done before; where answers are no proof, what is written is read
            // back anyway.
            await PassAsync([], [], new PassMode(Verify: _target.Traits.WritesAreReliable, DoubtIsRefusal: true), cancellationToken);
            await RemovePortsAsync(cancellationToken);
        }
        catch (DeviceLostException e)
        {
            LogLost(e.Message);
            Lose();
            OutcomeUnknown = true;
        }
    }

    /// <summary>
    /// One way to the desired state: ports of the endpoints, everyone's rows, writes. Whatever else is not as it should be is mended with
    /// it.
    /// </summary>
    private async Task PassAsync(
        IReadOnlyCollection<OwnerId> owners, Dictionary<OwnerId, IntentException> refusals, PassMode mode,
        CancellationToken cancellationToken)
    {
        // Whoever is given an id moves the mark.
        HashSet<OwnerId> all = _allDeclared ? [.. owners, OwnerId.Ids] : [.. owners, .. ModelCompiler.OwnersOf(_model)];
        foreach (var endpoint in _model.Endpoints.Values)
        {
            if (!_ports.TryGetValue(endpoint.Spec.PortName, out var port) || !_declared.TryGetValue(endpoint.Id, out var declared)
                || declared != port)
            {
                all.Add(OwnerId.OfEndpoint(endpoint.Id));
            }
        }

        await EnsurePortsAsync(EndpointsAmong(all), refusals, cancellationToken);
        AddFollowers(all);
        // It leads ARP to the host, whose port may be known only now.
        if (_model.Endpoints.Uplink is { } uplink)
        {
            all.Add(OwnerId.OfEndpoint(uplink.Id));
        }

        Declare(all, refusals);
        _allDeclared = true;
        var isReliable = _target.Traits.WritesAreReliable;
        for (var round = 0; ; round++)
        {
            var touched = isReliable ? null : new TouchedRows();
            var applied = await FlushAsync(refusals, mode, touched, cancellationToken);
            if (!IsReady)
            {
                throw new DeviceLostException("the connection to the target was lost meanwhile");
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

        OutcomeUnknown = false;
    }

    private IEnumerable<Endpoint> EndpointsAmong(IEnumerable<OwnerId> owners) =>
        owners.Where(o => o.Kind == OwnerKind.Endpoint).Select(o => _model.Endpoints.Find(o.Id)).OfType<Endpoint>();

    /// <summary>Services whose entries hold something of the endpoints at hand.</summary>
    private void AddFollowers(HashSet<OwnerId> owners)
    {
        if (_compiler is not { ServicesFollowEndpoints: true } || !owners.Any(o => o.Kind == OwnerKind.Endpoint))
        {
            return;
        }
        // The host's interface is found by the node's addresses, also when it has gone.
        List<IPAddress> addresses = [.. EndpointsAmong(owners).SelectMany(e => e.Spec.Addresses).Concat(_node.NodeAddresses)
            .Concat(_node.HostAddresses)];
        owners.UnionWith(addresses.SelectMany(_model.Services.With).Select(s => OwnerId.OfService(s.Id)));
    }

    private void Declare(IReadOnlyCollection<OwnerId> owners, Dictionary<OwnerId, IntentException> refusals)
    {
        // Of a pipeline that is not known nothing can be said; once it is, all are declared.
        if (_compiler is not { } compiler)
        {
            return;
        }
        // All are released first: what one gives up another may want with other contents.
        foreach (var owner in owners)
        {
            Tables.Release(owner);
            if (owner.Kind == OwnerKind.Endpoint)
            {
                _declared.Remove(owner.Id);
            }
        }

        foreach (var owner in owners)
        {
            // Without a port an endpoint has no rows yet; it is declared again when its port is known.
            if (compiler.Compile(owner, _model, PortOf) is not { } entries)
            {
                continue;
            }

            if (Tables.Acquire(owner, entries) is { } conflict)
            {
                refusals.TryAdd(owner, new IntentException(IntentError.AlreadyExists, $"another owner holds {conflict}"));
            }
            else if (owner.Kind == OwnerKind.Endpoint && PortOf(_model.Endpoints.Find(owner.Id)!.Spec.PortName) is { } port)
            {
                _declared[owner.Id] = port;
            }
        }

        _progress();
    }

    /// <summary>Takes the target's pipeline over where it is another one than before: what was known of rows is of no use then.</summary>
    /// <exception cref="DeviceLostException">It is not what the node's profile says.</exception>
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
            throw new DeviceLostException($"the target's pipeline is not that of {_node.Profile.Name}: {e.Message}", e);
        }
        finally
        {
            Tables = new TableState(_node.Profile.Order);
            _declared.Clear();
            _allDeclared = false;
        }
    }

    private void Lose()
    {
        _mustReadBack = true;
        _generation = -1;
    }

    private void Hook(CrashPoint point) => _options.FaultHook?.Invoke(point);

    /// <summary>What a reconciliation did, by kind.</summary>
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
