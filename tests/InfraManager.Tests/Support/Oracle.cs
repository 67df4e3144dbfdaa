using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>
/// What callers can rely on: an acknowledged request is applied, a failed one is not, and one that was never answered is applied completely
/// or not at all. Requests are accepted only from the epoch that was handed out last.
/// </summary>
internal sealed class Oracle
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Dictionary<AttachmentKey, List<EndpointSpec?>> _allowed = [];
    private readonly Dictionary<AttachmentKey, List<EndpointSpec?>> _afterCrash = [];

    /// <summary>A commit may have failed after it reached the disk: a failed change may reappear after a crash.</summary>
    public bool DiskIsDoubtful { get; set; }

    /// <summary>The epoch that was handed out last.</summary>
    public ulong Epoch { get; private set; } = 1;

    /// <summary>A Begin was not answered, or may have reached the disk although it failed: the epoch may have changed.</summary>
    public bool EpochIsDoubtful { get; private set; }

    public IEnumerable<EndpointSpec> Certain => _allowed.Values.Where(a => a.Count == 1 && a[0] is not null).Select(a => a[0]!);

    /// <summary>Submits the intents together, in order, and records their outcomes. A crash leaves them unanswered.</summary>
    public async Task RunAsync(Programmer programmer, params Intent[] batch)
    {
        List<Task<object>> calls = [.. batch.Select(i => Submit(programmer, i))];
        var all = Task.WhenAll(calls.Select(c => c.ContinueWith(_ => { }, TaskScheduler.Default)));
        await Task.WhenAny(all, programmer.Completion).WaitAsync(Limit);
        if (!programmer.Completion.IsCompleted)
        {
            await all.WaitAsync(Limit);
        }

        for (var i = 0; i < batch.Length; i++)
        {
            TakeIn(batch[i], calls[i]);
        }
    }

    /// <summary>Records that the process died.</summary>
    public void Crashed()
    {
        foreach ((var key, var specs) in _afterCrash)
        {
            Allowed(key).AddRange(specs);
        }

        Settled();
    }

    /// <summary>Records that all pending commits have reached the disk.</summary>
    public void Settled()
    {
        _afterCrash.Clear();
        DiskIsDoubtful = false;
    }

    /// <summary>Checks the endpoints, and from now on allows only their current state.</summary>
    public void Check(IReadOnlyList<EndpointView> endpoints)
    {
        var actual = endpoints.ToDictionary(e => e.Endpoint.Key, e => e.Endpoint.Spec);
        foreach ((var key, var allowed) in _allowed)
        {
            var spec = actual.GetValueOrDefault(key);
            Assert.True(allowed.Exists(a => Same(a, spec)), $"{key} is {Text(spec)}, allowed: {string.Join(" or ", allowed.Select(Text))}");
            allowed.Clear();
            allowed.Add(spec);
        }

        Assert.DoesNotContain(actual.Keys, k => !_allowed.ContainsKey(k));
    }

    private static async Task<object> Submit(Programmer programmer, Intent intent) => intent switch
    {
        AttachIntent attach => await programmer.SubmitAsync(attach, default),
        DetachIntent detach => await programmer.SubmitAsync(detach, default),
        SyncIntent sync => await programmer.SubmitAsync(sync, default),
        BeginIntent begin => await programmer.SubmitAsync(begin, default),
        _ => throw new InvalidOperationException(),
    };

    private static bool Same(EndpointSpec? a, EndpointSpec? b) => a is null ? b is null : b is not null && a.HasSameContent(b);

    private static string Text(EndpointSpec? spec) =>
        spec is null ? "absent" : $"{string.Join(',', spec.Addresses)} {spec.Mac} {spec.PortName} {spec.Stamp}";

    private void TakeIn(Intent intent, Task<object> call)
    {
        if (call.Exception is { } failure && failure.InnerException is not IntentException)
        {
            throw failure;
        }

        var answered = call.IsCompleted;
        var succeeded = call.IsCompletedSuccessfully;
        if (!EpochIsDoubtful && EpochOf(intent) is { } epoch && epoch != Epoch)
        {
            Assert.False(succeeded, $"a request with epoch {epoch} was accepted; the current epoch is {Epoch}");
            return;
        }

        switch (intent)
        {
            case AttachIntent attach:
                Take(attach.Spec.Key, attach.Spec, answered, succeeded);
                break;
            case DetachIntent detach:
                Take(detach.Key, null, answered, succeeded);
                break;
            case BeginIntent when succeeded:
                var next = ((BeginOutcome)call.Result).Epoch;
                Assert.True(next > Epoch, $"epoch {next} after {Epoch}");
                (Epoch, EpochIsDoubtful) = (next, false);
                break;
            case BeginIntent:
                EpochIsDoubtful |= !answered || DiskIsDoubtful;
                break;
            case SyncIntent sync:
                HashSet<AttachmentKey> failed = succeeded ? [.. ((SyncOutcome)call.Result).Failures.Select(f => f.Key!.Value)] : [];
                foreach (var item in sync.Attachments)
                {
                    Take(item.Key, item, answered, succeeded && !failed.Contains(item.Key));
                }

                foreach (var key in _allowed.Keys.Where(k => sync.Attachments.All(a => a.Key != k)).ToArray())
                {
                    Take(key, null, answered, succeeded);
                }

                break;
        }
    }

    private static ulong? EpochOf(Intent intent) => intent switch
    {
        AttachIntent attach => attach.Spec.Epoch,
        DetachIntent detach => detach.Epoch,
        SyncIntent sync => sync.Epoch,
        _ => null,
    };

    private void Take(AttachmentKey key, EndpointSpec? spec, bool answered, bool succeeded)
    {
        if (succeeded)
        {
            if (DiskIsDoubtful)
            {
                AfterCrash(key).AddRange(Allowed(key));
            }

            Allowed(key).Clear();
            Allowed(key).Add(spec);
            if (!DiskIsDoubtful)
            {
                _afterCrash.Remove(key);
            }
        }
        else if (!answered)
        {
            Allowed(key).Add(spec);
        }
        else if (DiskIsDoubtful)
        {
            AfterCrash(key).Add(spec);
        }
    }

    private List<EndpointSpec?> Allowed(AttachmentKey key)
    {
        if (!_allowed.TryGetValue(key, out var allowed))
        {
            _allowed.Add(key, allowed = [null]);
        }

        return allowed;
    }

    private List<EndpointSpec?> AfterCrash(AttachmentKey key)
    {
        if (!_afterCrash.TryGetValue(key, out var specs))
        {
            _afterCrash.Add(key, specs = []);
        }

        return specs;
    }
}
