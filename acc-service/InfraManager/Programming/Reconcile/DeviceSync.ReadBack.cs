using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.Programming.Reconcile;

internal sealed partial class DeviceSync
{
    private const int EntriesPerProgress = 4096;
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the target and reads it back, within the limit.</summary>
    /// <exception cref="DeviceLostException">The target was not read back in time.</exception>
    private async Task RecoverAsync(TimeSpan within, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        using var limit = new CancellationTokenSource(within, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var reason = NotReadyReason;
        while (!either.IsCancellationRequested)
        {
            try
            {
                await WaitPrimaryAsync(either.Token);
                await ReadBackAsync(either.Token);
                var elapsed = _time.GetElapsedTime(start);
                LogRecovered(elapsed);
                return;
            }
            catch (DeviceLostException e)
            {
                reason = e.Message;
            }
            catch (OperationCanceledException)
            {
                break;
            }

            try
            {
                await Task.Delay(_options.RetryMin, _time, either.Token);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        throw new DeviceLostException(_target.Connection is { IsPrimary: false } c ? $"the target is not available: {c.Reason}" : reason);
    }

    private async Task WaitPrimaryAsync(CancellationToken cancellationToken)
    {
        while (!_target.Connection.IsPrimary)
        {
            var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void OnChanged() => changed.TrySetResult();
            _target.ConnectionChanged += OnChanged;
            try
            {
                if (!_target.Connection.IsPrimary)
                {
                    await changed.Task.WaitAsync(cancellationToken);
                }
            }
            finally
            {
                _target.ConnectionChanged -= OnChanged;
            }
        }
    }

    /// <summary>
    /// Reads what the target has: ports, pipeline, rows. Pool ports are created together with the pipeline and get their numbers only then.
    /// Other ports come first, because some targets accept them only before the pipeline.
    /// </summary>
    /// <exception cref="DeviceLostException">The target could not be read completely.</exception>
    private async Task ReadBackAsync(CancellationToken cancellationToken)
    {
        var connection = _target.Connection;
        if (!connection.IsPrimary)
        {
            throw new DeviceLostException($"the target is not available: {connection.Reason}");
        }

        await CallAsync(
            async () =>
            {
                await _target.IdentifyAsync(cancellationToken);
                return true;
            },
            cancellationToken);
        var isPool = !_target.Traits.TakesPorts || _node.Devices.Pool.Count > 0;
        if (!isPool)
        {
            await FindPortsAsync(cancellationToken);
        }

        bool pushed;
        try
        {
            pushed = await CallAsync(() => WithHeartbeatAsync(_target.EnsurePipelineAsync(cancellationToken)), cancellationToken);
            TakePipeline();
            _pipelineProblem = "";
        }
        catch (DeviceLostException e)
        {
            _pipelineProblem = e.Message;
            throw;
        }

        Hook(CrashPoint.ReconcilePipeline);
        if (isPool)
        {
            await FindPortsAsync(cancellationToken);
        }
        // Groups that cannot be listed are read by the IDs that the model assigns to them.
        if (!_target.Traits.ListsGroups && !_allDeclared)
        {
            Declare([.. ModelCompiler.OwnersOf(_model).Where(o => o.Kind == OwnerKind.Service)]);
        }

        _mark = 0;
        _timeRead = 0;
        await ReadTablesAsync(_compiler!.Tables, cancellationToken);
        if (_compiler.HasMarks)
        {
            MarkRead(_mark, pushed);
        }

        if (_timeRead != 0)
        {
            TimeRead(_timeRead);
        }

        if (_target.Connection.Generation != connection.Generation || !_target.Connection.IsPrimary)
        {
            throw new DeviceLostException("the connection to the target was lost during the read-back");
        }

        _generation = connection.Generation;
        _mustReadBack = false;
    }

    /// <summary>
    /// Reports progress while waiting for a call that may take minutes and has its own time limit, such as a push to hardware.
    /// </summary>
    private async Task<T> WithHeartbeatAsync<T>(Task<T> call)
    {
        while (await Task.WhenAny(call, Task.Delay(HeartbeatInterval, _time)) != call)
        {
            _progress();
        }

        _progress();
        return await call;
    }

    private async Task ReadTablesAsync(IReadOnlyCollection<TableSchema> tables, CancellationToken cancellationToken)
    {
        await CallAsync(
            async () =>
            {
                var lists = _target.Traits.ListsGroups;
                TableSchema[] groups = lists ? [] : [.. tables.Where(t => t.Kind == TableKind.ProfileGroups)];
                Tables.BeginReadBack(tables);
                var count =
                    await ReadEntriesAsync(_target.ReadAsync(groups.Length == 0 ? tables : [.. tables.Except(groups)], cancellationToken));
                if (groups.Length > 0)
                {
                    count += await ReadEntriesAsync(_target.ReadEntriesAsync(Tables.KeysOf(groups), cancellationToken));
                }

                Tables.EndReadBack();
                return count;
            },
            cancellationToken);
        _progress();
        Hook(CrashPoint.ReconcileRead);
    }

    /// <summary>Reads back what was just written: single rows if they are few, otherwise their tables.</summary>
    private async Task ReadTouchedAsync(TouchedRows touched, CancellationToken cancellationToken)
    {
        if (touched.KeysAmong(Tables.DesiredCount) is not { } keys)
        {
            await ReadTablesAsync(touched.Tables, cancellationToken);
            return;
        }

        await CallAsync(
            async () =>
            {
                HashSet<EntryKey> absent = [.. keys];
                await foreach (var entry in _target.ReadEntriesAsync(keys, cancellationToken))
                {
                    Tables.Seen(entry);
                    absent.Remove(entry.Key);
                }

                foreach (var key in absent)
                {
                    Tables.FoundAbsent(key);
                }

                return true;
            },
            cancellationToken);
        _progress();
        Hook(CrashPoint.ReconcileRead);
    }

    private async Task<long> ReadEntriesAsync(IAsyncEnumerable<Entry> entries)
    {
        long count = 0;
        await foreach (var entry in entries)
        {
            Tables.Seen(entry);
            _mark = Math.Max(_mark, _compiler?.MarkOf(entry) ?? 0);
            _timeRead = Math.Max(_timeRead, _compiler?.TimeOf(entry) ?? 0);

            if (++count % EntriesPerProgress == 0)
            {
                _progress();
            }
        }

        return count;
    }

    private async Task FindPortsAsync(CancellationToken cancellationToken)
    {
        await ReadPortsAsync(cancellationToken);
        var early = new Dictionary<OwnerId, IntentException>();
        await EnsurePortsAsync([.. _model.Endpoints.Values], early, cancellationToken);
        Hook(CrashPoint.ReconcilePorts);
    }

    private async Task ReadPortsAsync(CancellationToken cancellationToken)
    {
        var listed = await CallAsync(() => _target.ListPortsAsync(cancellationToken), cancellationToken);
        var found = new Dictionary<string, uint>();
        if (listed is null)
        {
            foreach (var endpoint in _model.Endpoints.Values)
            {
                var name = endpoint.Spec.PortName;
                if (await CallAsync(() => _target.FindPortAsync(name, cancellationToken), cancellationToken) is { } id)
                {
                    found[name] = id;
                }
            }
        }

        _ports.Clear();
        _foreign.Clear();
        _orphans.Clear();
        foreach ((var name, var id) in listed ?? found)
        {
            _ports[name] = id;
            if (_model.Endpoints.HolderOfPort(name) is { } holder)
            {
                if (!holder.OwnsPort)
                {
                    _foreign.Add(name);
                }
            }
            else if (AgentPortName.Is(name))
            {
                _orphans.Add(name);
            }
            else if (!_model.PortRemovals.ContainsKey(name) && !_attempted.Contains(name))
            {
                _foreign.Add(name);
            }
        }

        _progress();
    }

    private static async Task<T> CallAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (P4RuntimeException e)
        {
            throw new DeviceLostException(e.Message, e);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new DeviceLostException("the target did not answer in time", e);
        }
    }
}
