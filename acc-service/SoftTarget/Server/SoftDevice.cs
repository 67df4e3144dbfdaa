using ACCOffload.Configuration;
using ACCOffload.SoftTarget.Engine;
using ACCOffload.SoftTarget.Server.Bind;
using ACCOffload.SoftTarget.Server.State;
using ACCOffload.SoftTarget.Server.Wire;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using P4.V1;
using PipelineAction = P4.V1.SetForwardingPipelineConfigRequest.Types.Action;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// The P4 device: its pipeline and its controllers. One lock serializes all controller operations; packets never take it.
/// </summary>
internal sealed partial class SoftDevice(ulong deviceId, SwxPipelineOptions options, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly ILogger _logger = logger;
    private ulong _deviceId = deviceId;
    private BoundPipeline? _saved;
    private volatile StreamSession[] _primaries = [];
    private volatile PipelineState? _state;

    public Arbiter Arbiter { get; } = new();

    /// <summary>The running pipeline; null until one is committed. Set only once.</summary>
    public PipelineState? State => _state;

    /// <summary>The primaries of all roles. For the data plane, which does not take the lock.</summary>
    public IReadOnlyList<StreamSession> Primaries => _primaries;

    /// <summary>Raised under the lock after a pipeline was committed.</summary>
    public event Action<PipelineState>? Committed;

    /// <summary>Checks the device id of a request.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT for 0, NOT_FOUND for another device.</exception>
    public void CheckDevice(ulong deviceId)
    {
        if (deviceId == 0)
        {
            throw Outcome.Invalid("device_id is missing or 0").ToException();
        }

        var known = Volatile.Read(ref _deviceId);
        if (known != 0 && known != deviceId)
        {
            throw Outcome.NotFound($"unknown device {deviceId}").ToException();
        }
    }

    /// <summary>Handles an arbitration update. A target without a configured device id takes the id from its first controller.</summary>
    /// <exception cref="RpcException">The stream must end with this status.</exception>
    public void Arbitrate(StreamSession session, MasterArbitrationUpdate update)
    {
        lock (_gate)
        {
            if (!session.IsLive)
            {
                CheckDevice(update.DeviceId);
            }

            Arbiter.Update(session, update.DeviceId, update);
            _primaries = [.. Arbiter.Primaries];
            if (_deviceId == 0)
            {
                Volatile.Write(ref _deviceId, update.DeviceId);
            }

            LogArbitration(
                _logger, update.DeviceId, ConfigurationError.OneLine(session.Role), session.ElectionId, Arbiter.IsPrimary(session));
        }
    }

    public void Leave(StreamSession session)
    {
        lock (_gate)
        {
            if (!session.IsLive)
            {
                return;
            }

            var primary = Arbiter.IsPrimary(session);
            Arbiter.Remove(session);
            _primaries = [.. Arbiter.Primaries];
            LogLeft(_logger, ConfigurationError.OneLine(session.Role), session.ElectionId, primary);
        }
    }

    /// <summary>Applies a Write.</summary>
    /// <returns>An outcome for each update, or null if all succeeded.</returns>
    /// <exception cref="RpcException">The request was rejected as a whole.</exception>
    public Outcome[]? Write(WriteFrame frame)
    {
        try
        {
            var updates = frame.Decode();
            CheckDevice(frame.DeviceId);
            if (frame.ElectionId.IsZero)
            {
                throw Outcome.Invalid("election_id is missing or 0").ToException();
            }

            if (frame.HasRoleId)
            {
                throw Outcome.Invalid("role_id is not supported; use role").ToException();
            }

            if (!Enum.IsDefined(frame.Atomicity))
            {
                throw Outcome.Unimplemented($"atomicity {(int)frame.Atomicity} is not supported").ToException();
            }

            lock (_gate)
            {
                CheckPrimary(frame.Role, frame.ElectionId);
                var state = Running();
                return updates == 0 ? null : WriteBatch.Apply(state, frame, updates);
            }
        }
        catch (WireException e)
        {
            throw Outcome.Invalid($"malformed WriteRequest: {e.Message}").ToException();
        }
    }

    /// <summary>Copies the state requested by a Read.</summary>
    /// <exception cref="RpcException">The request as a whole is invalid.</exception>
    public ReadBatch Read(ReadRequest request)
    {
        CheckDevice(request.DeviceId);
        lock (_gate)
        {
            return ReadBatch.Take(Running(), request);
        }
    }

    /// <exception cref="RpcException">The config is rejected.</exception>
    public void SetPipeline(SetForwardingPipelineConfigRequest request)
    {
        CheckDevice(request.DeviceId);
        var id = ElectionId.FromProto(request.ElectionId);
        if (id.IsZero)
        {
            throw Outcome.Invalid("election_id is missing or 0").ToException();
        }

        lock (_gate)
        {
            CheckPrimary(request.Role, id);
        }

        if (request.Action is PipelineAction.Unspecified || !Enum.IsDefined(request.Action))
        {
            throw Outcome.Invalid("action is missing").ToException();
        }

        if (request.Action == PipelineAction.ReconcileAndCommit)
        {
            throw Outcome.Unimplemented("RECONCILE_AND_COMMIT is not supported").ToException();
        }

        if (request.Action == PipelineAction.Commit)
        {
            if (request.Config is not null)
            {
                throw Outcome.Invalid("COMMIT takes no config: it commits the saved one").ToException();
            }

            lock (_gate)
            {
                Commit(_saved ?? throw Outcome.NotFound("there is no saved config to commit").ToException());
            }

            return;
        }

        if (request.Config is null)
        {
            throw Outcome.Invalid("config is missing").ToException();
        }

        if (request.Action != PipelineAction.Verify)
        {
            CheckNotCommitted();
        }

        var bound = Verify(request.Config);
        lock (_gate)
        {
            CheckPrimary(request.Role, id);
            if (request.Action == PipelineAction.VerifyAndSave)
            {
                _saved = bound;
            }
            else if (request.Action == PipelineAction.VerifyAndCommit)
            {
                Commit(bound);
            }
        }
    }

    public ForwardingPipelineConfig? GetPipeline(ulong deviceId)
    {
        CheckDevice(deviceId);
        return _state?.Bound.Config;
    }

    private static BoundPipeline Verify(ForwardingPipelineConfig config)
    {
        try
        {
            return PipelineBinder.Bind(config);
        }
        catch (PipelineException e)
        {
            throw Outcome.Invalid(e.Message).ToException();
        }
    }

    private void CheckNotCommitted()
    {
        if (_state is not null)
        {
            throw Outcome.Precondition("a pipeline is already running: restart the target to load another one").ToException();
        }
    }

    private void Commit(BoundPipeline bound)
    {
        CheckNotCommitted();
        PipelineState state;
        try
        {
            state = new PipelineState(bound, new SwxPipeline(bound.Program, options with { TruncatedCell = bound.TruncatedCell }));
        }
        catch (SpecException e)
        {
            throw Outcome.Invalid($"p4_device_config: .spec: {e.Message}").ToException();
        }

        _state = state;
        _saved = null;
        LogCommitted(_logger, bound.Config.Cookie?.Cookie_ ?? 0, bound.Tables.Count);
        Committed?.Invoke(state);
    }

    private void CheckPrimary(string role, ElectionId id)
    {
        if (!Arbiter.IsPrimary(role, id))
        {
            throw Outcome.Denied($"election_id {id} is not the primary of role \"{role}\"").ToException();
        }
    }

    private PipelineState Running()
        => _state ?? throw Outcome.Precondition("no pipeline is running; send SetForwardingPipelineConfig first").ToException();

    [LoggerMessage(1, LogLevel.Information, "Committed the pipeline with cookie {Cookie:x16}, {Tables} tables")]
    private static partial void LogCommitted(ILogger logger, ulong cookie, int tables);

    [LoggerMessage(2, LogLevel.Information,
        "Controller connected to device {DeviceId}, role \"{Role}\", election ID {ElectionId}, primary: {Primary}")]
    private static partial void LogArbitration(ILogger logger, ulong deviceId, string role, ElectionId electionId, bool primary);

    [LoggerMessage(3, LogLevel.Information, "Controller disconnected, role \"{Role}\", election ID {ElectionId}, was primary: {Primary}")]
    private static partial void LogLeft(ILogger logger, string role, ElectionId electionId, bool primary);
}
