using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>
/// What must hold, from the callers' side alone: an acknowledged request holds; a failed one holds not at all; one that was never answered
/// holds wholly or not at all. Of an epoch that is not the one that was handed out last nothing is taken.
/// </summary>
internal sealed class Oracle
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Dictionary<AttachmentKey, List<EndpointSpec?>> _allowed = [];
    private readonly Dictionary<AttachmentKey, List<EndpointSpec?>> _afterCrash = [];

    /// <summary>A commit may have failed after it reached the disk: what failed may come back with a crash.</summary>
    public bool DiskIsDoubtful { get; set; }

    /// <summary>The epoch that was handed out last.</summary>
    public ulong Epoch { get; private set; } = 1;

    /// <summary>A Begin was not answered, or may have reached the disk though it failed: the epoch may be another one.</summary>
    public bool EpochIsDoubtful { get; private set; }

    public IEnumerable<EndpointSpec> Certain => _allowed.Values.Where(a => a.Count == 1 && a[0] is not null).Select(a => a[0]!);

    /// <summary>Posts the intents at once, in order, and takes in how they ended. A crash leaves them unanswered.</summary>
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

    /// <summary>The process died.</summary>
    public void Crashed()
    {
        foreach ((var key, var specs) in _afterCrash)
        {
            Allowed(key).AddRange(specs);
        }

        Settled();
    }

    /// <summary>Everything that was owed to the disk was paid.</summary>
    public void Settled()
    {
        _afterCrash.Clear();
        DiskIsDoubtful = false;
    }

    /// <summary>Compares, and takes what is there for certain from now on.</summary>
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
            Assert.False(succeeded, $"a request of epoch {epoch} was taken, the current one is {Epoch}");
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
