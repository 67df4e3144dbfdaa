using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming;

/// <summary>A batch in progress: the decision on each intent, and which intent is at fault when the target refuses an entry.</summary>
internal sealed class BatchRun(List<PendingIntent> batch)
{
    private readonly Dictionary<int, IntentException> _failed = [];
    private readonly Dictionary<(int Index, AttachmentKey Key), IntentException> _failedItems = [];
    private readonly Dictionary<OwnerId, (int Index, AttachmentKey Key)> _changedBy = [];

    public List<PendingIntent> Batch { get; } = batch;

    /// <summary>Null, or why nothing more can be added in this batch.</summary>
    public IntentException? AddsRefused { get; set; }

    public bool DeviceLost { get; set; }

    /// <summary>Set once a commit of the batch failed.</summary>
    public IntentException? StoreError { get; set; }

    /// <summary>Whether any round of the batch changed the model.</summary>
    public bool HasChanges { get; private set; }

    /// <summary>The owners affected by any round of the batch.</summary>
    public HashSet<OwnerId> Touched { get; } = [];

    /// <summary>The services affected by any round of the batch.</summary>
    public HashSet<ServiceKey> Services { get; } = [];

    public IEnumerable<string> NewPortNames() => Batch.SelectMany(p => p.Intent.PortNames).Distinct();

    public IntentException? FailureOf(int index) => _failed.GetValueOrDefault(index);

    public IntentException? FailureOf(int index, AttachmentKey key) => _failedItems.GetValueOrDefault((index, key));

    /// <summary>Starts another round of admission.</summary>
    public void Begin() => _changedBy.Clear();

    /// <param name="index">The index of the intent that changed the owner.</param>
    /// <param name="owner">The owner of the changed entries.</param>
    /// <param name="key">The attachment, if the intent is a Sync.</param>
    public void Changed(int index, OwnerId owner, AttachmentKey key) => _changedBy[owner] = (index, key);

    /// <summary>Collects the changes of the current round.</summary>
    public void Collect(NetworkModel model)
    {
        HasChanges |= model.Mark > 0;
        model.AddChangedOwners(Touched);
        Services.UnionWith(model.Services.ChangesSince(0).Select(c => c.Key));
        Touched.UnionWith(_changedBy.Keys);
    }

    /// <summary>Fails the intents that last changed these owners. Returns false if none of the refusals was caused by this batch.</summary>
    public bool Blame(IReadOnlyDictionary<OwnerId, IntentException> refusals)
    {
        var any = false;
        foreach ((var owner, var error) in refusals)
        {
            if (!_changedBy.TryGetValue(owner, out var who))
            {
                continue;
            }

            any |= Batch[who.Index].Intent.FailsByAttachment ? _failedItems.TryAdd(who, error) : _failed.TryAdd(who.Index, error);
        }

        return any;
    }

    /// <summary>Fails every intent that was not refused already.</summary>
    public void FailAll(IntentException error)
    {
        foreach (var pending in Batch.Where(p => p.Refusal is null))
        {
            pending.Refuse(error);
        }

        Touched.Clear();
    }
}
