using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming;

/// <summary>One batch on its way: what was decided about each intent, and who is at fault when the target refuses something.</summary>
internal sealed class BatchRun(List<PendingIntent> batch)
{
    private readonly Dictionary<int, IntentException> _failed = [];
    private readonly Dictionary<(int Index, AttachmentKey Key), IntentException> _failedItems = [];
    private readonly Dictionary<OwnerId, (int Index, AttachmentKey Key)> _changedBy = [];

    public List<PendingIntent> Batch { get; } = batch;

    /// <summary>Null, or why nothing can be added any more in this batch.</summary>
    public IntentException? AddsRefused { get; set; }

    public bool DeviceLost { get; set; }

    /// <summary>Set once a commit of the batch failed.</summary>
    public IntentException? StoreError { get; set; }

    /// <summary>Whether some round of the batch changed the model.</summary>
    public bool HasChanges { get; private set; }

    /// <summary>Owners that some round of the batch touched.</summary>
    public HashSet<OwnerId> Touched { get; } = [];

    /// <summary>Services among them.</summary>
    public HashSet<ServiceKey> Services { get; } = [];

    public IEnumerable<string> NewPortNames() => Batch.SelectMany(p => p.Intent.PortNames).Distinct();

    public IntentException? FailureOf(int index) => _failed.GetValueOrDefault(index);

    public IntentException? FailureOf(int index, AttachmentKey key) => _failedItems.GetValueOrDefault((index, key));

    /// <summary>Starts another round of admission.</summary>
    public void Begin() => _changedBy.Clear();

    /// <param name="index">The intent that changed it.</param>
    /// <param name="owner">What was changed.</param>
    /// <param name="key">Which of a Sync's attachments.</param>
    public void Changed(int index, OwnerId owner, AttachmentKey key) => _changedBy[owner] = (index, key);

    /// <summary>Takes in what the round changed.</summary>
    public void Collect(NetworkModel model)
    {
        HasChanges |= model.Mark > 0;
        model.AddChangedOwners(Touched);
        Services.UnionWith(model.Services.ChangesSince(0).Select(c => c.Key));
        Touched.UnionWith(_changedBy.Keys);
    }

    /// <summary>Makes the intents that last changed these owners fail. False if none of the refusals is this batch's doing.</summary>
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

    /// <summary>Everything that was not refused for its own sake fails.</summary>
    public void FailAll(IntentException error)
    {
        foreach (var pending in Batch.Where(p => p.Refusal is null))
        {
            pending.Refuse(error);
        }

        Touched.Clear();
    }
}
