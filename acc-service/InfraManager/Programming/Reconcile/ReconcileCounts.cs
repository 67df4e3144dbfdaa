namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The number of entries that a reconciliation changed.</summary>
internal sealed record ReconcileCounts(long Inserted, long Modified, long Deleted)
{
    public static ReconcileCounts None { get; } = new(0, 0, 0);

    public long Total => Inserted + Modified + Deleted;
}
