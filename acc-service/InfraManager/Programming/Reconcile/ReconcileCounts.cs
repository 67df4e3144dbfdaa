namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>What a reconciliation found and did.</summary>
internal sealed record ReconcileCounts(long Inserted, long Modified, long Deleted)
{
    public static ReconcileCounts None { get; } = new(0, 0, 0);

    public long Total => Inserted + Modified + Deleted;
}
