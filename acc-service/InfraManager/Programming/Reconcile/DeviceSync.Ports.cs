using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.Protos;
using Grpc.Core;

namespace ACCOffload.InfraManager.Programming.Reconcile;

internal sealed partial class DeviceSync
{
    private const int PortsAtOnce = 16;

    private readonly Dictionary<string, uint> _ports = [];
    private readonly HashSet<string> _foreign = [];
    private readonly HashSet<string> _orphans = [];
    private readonly HashSet<string> _attempted = [];
    private readonly Dictionary<string, IntentException> _notLookedUp = [];

    /// <summary>Called with the name of each port that was removed from the target.</summary>
    public required Action<string> PortRemoved { get; init; }

    private bool HasPortsToRemove => _model.PortRemovals.Count > 0 || _orphans.Count > 0;

    /// <summary>The pipeline number of the port; null while unknown. 0 is a valid number.</summary>
    public uint? PortOf(string name) => _ports.TryGetValue(name, out var port) ? port : null;

    /// <summary>Whether the port existed on the target before and is therefore not ours to remove.</summary>
    public bool IsForeignPort(string name) => _foreign.Contains(name);

    /// <summary>
    /// Why it is not known whether the port existed on the target before; null if it is known. Such a port cannot be added, because it
    /// would be taken for ours and be removed later.
    /// </summary>
    public IntentException? ProblemOfPort(string name) => _notLookedUp.GetValueOrDefault(name);

    /// <summary>
    /// Returns and clears the ports that were requested since the last call, successfully or not, and that no endpoint uses. Pool ports are
    /// excluded: they stay for the next attachment.
    /// </summary>
    public List<string> TakeStrayPorts()
    {
        List<string> stray = [.. _attempted.Where(n => _model.Endpoints.HolderOfPort(n) is null && !_node.Devices.Pool.Contains(n))];
        _attempted.Clear();
        return stray;
    }

    /// <summary>
    /// Looks up which of these ports already exist on the target and are not ours, so that they are never removed. Those that could not be
    /// looked up have a <see cref="ProblemOfPort"/> until the next call.
    /// </summary>
    public async Task FindForeignPortsAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        _notLookedUp.Clear();
        DeviceLostException? silent = null;
        foreach (var name in names)
        {
            if (AgentPortName.Is(name) || _ports.ContainsKey(name) || _model.PortRemovals.ContainsKey(name))
            {
                continue;
            }

            if (silent is not null)
            {
                // Each of the others would take as long.
                _notLookedUp.Add(name, NotLookedUp(name, IntentError.Unavailable, silent));
                continue;
            }

            try
            {
                if (await PortCallAsync(ct => _target.FindPortAsync(name, ct), cancellationToken) is { } id)
                {
                    _ports[name] = id;
                    _foreign.Add(name);
                }
            }
            catch (P4RuntimeException e)
            {
                _notLookedUp.Add(name, NotLookedUp(name, ErrorOf(e.Code), e));
            }
            catch (DeviceLostException e)
            {
                silent = IsSilence(e.InnerException) ? e : null;
                _notLookedUp.Add(name, NotLookedUp(name, IntentError.Unavailable, e));
            }
        }

        static IntentException NotLookedUp(string name, IntentError code, Exception e) =>
            new(code, $"the target did not tell whether port {name} exists already: {e.Message}");
    }

    /// <summary>Removes unused ports. A failure is logged and retried later.</summary>
    public async Task RemovePortsAsync(CancellationToken cancellationToken)
    {
        if (!HasPortsToRemove || !IsReady || Tables.HasPendingDeletes())
        {
            return;
        }

        foreach (var name in _model.PortRemovals.Keys.Concat(_orphans).ToArray())
        {
            if (_model.Endpoints.HolderOfPort(name) is not null)
            {
                _orphans.Remove(name);
                continue;
            }

            try
            {
                await PortCallAsync(
                    async ct =>
                    {
                        await _target.RemovePortAsync(name, ct);
                        return true;
                    },
                    cancellationToken);
                _ports.Remove(name);
                _orphans.Remove(name);
                Hook(CrashPoint.AfterPortRemoval);
                PortRemoved(name);
            }
            catch (P4RuntimeException e)
            {
                LogPortRemovalFailed(name, e.Message);
            }
            catch (DeviceLostException e)
            {
                LogPortRemovalFailed(name, e.Message);
                return;
            }
        }
    }

    private async Task EnsurePortsAsync(IEnumerable<Endpoint> endpoints, Dictionary<OwnerId, IntentException> refusals,
        CancellationToken cancellationToken)
    {
        Endpoint[] all = [.. endpoints];
        // A device that was replaced under the same name may have another number now.
        foreach (var endpoint in all)
        {
            if (_target.ImpliedPort(PortSpec.Of(endpoint.Spec, _node.Mtu)) is { } number)
            {
                _ports[endpoint.Spec.PortName] = number;
            }
        }

        List<Endpoint> missing = [.. all.Where(e => !_ports.ContainsKey(e.Spec.PortName))];
        if (missing.Count == 0)
        {
            return;
        }

        var byPort = missing.ToLookup(e => e.Spec.PortName);
        // Endpoints that share a port request it once.
        foreach (var some in missing.DistinctBy(e => e.Spec.PortName).Chunk(PortsAtOnce))
        {
            var calls = new List<Task<uint>>(some.Length);
            foreach (var endpoint in some)
            {
                _attempted.Add(endpoint.Spec.PortName);
                calls.Add(PortCallAsync(ct => _target.AddPortAsync(PortSpec.Of(endpoint.Spec, _node.Mtu), ct), cancellationToken));
            }

            DeviceLostException? lost = null;
            for (var i = 0; i < some.Length; i++)
            {
                try
                {
                    _ports[some[i].Spec.PortName] = await calls[i];
                }
                catch (P4RuntimeException e)
                {
                    LogPortRefused(some[i].Spec.PortName, e.Message);
                    var refusal = new IntentException(ErrorOf(e.Code), $"the target refused port {some[i].Spec.PortName}: {e.Message}");
                    foreach (var endpoint in byPort[some[i].Spec.PortName])
                    {
                        refusals[OwnerId.OfEndpoint(endpoint.Id)] = refusal;
                    }
                }
                catch (DeviceLostException e)
                {
                    lost = e;
                }
            }

            _progress();
            if (lost is not null)
            {
                throw lost;
            }
        }

        Hook(CrashPoint.AfterPorts);
    }

    /// <exception cref="P4RuntimeException">The target definitely refused the call.</exception>
    /// <exception cref="DeviceLostException">There was no answer, or one that leaves the outcome unknown.</exception>
    private async Task<T> PortCallAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_options.PortLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await call(either.Token);
        }
        catch (P4RuntimeException e) when (!IsDefinite(e.Code))
        {
            _mayChangeLate = true;
            throw new DeviceLostException(e.Message, e);
        }
        catch (OperationCanceledException e)
        {
            _mayChangeLate = true;
            throw new DeviceLostException(
                cancellationToken.IsCancellationRequested
                    ? "shut down during a port call"
                    : $"no answer to a port call within {_options.PortLimit.TotalSeconds:0.#} s", e);
        }
    }

    // The call ended at its limit, or at the shutdown.
    private static bool IsSilence(Exception? cause) =>
        cause is OperationCanceledException or P4RuntimeException { Code: StatusCode.Cancelled or StatusCode.DeadlineExceeded };

    private static IntentError ErrorOf(StatusCode code) => code switch
    {
        StatusCode.ResourceExhausted => IntentError.ResourceExhausted,
        // The target cannot open its link at the moment, which is not the request's fault.
        StatusCode.FailedPrecondition => IntentError.Unavailable,
        // Trying again does not help: the target has no such ports.
        StatusCode.Unimplemented => IntentError.InvalidArgument,
        _ => IntentError.Internal,
    };

    private static bool IsDefinite(StatusCode code) => code is StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists
        or StatusCode.PermissionDenied or StatusCode.ResourceExhausted or StatusCode.FailedPrecondition or StatusCode.OutOfRange
        or StatusCode.Unimplemented;
}
