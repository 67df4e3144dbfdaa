namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>
/// Limits the number of events written: per object like client-go's spam filter, and for all objects together. Not thread-safe.
/// </summary>
internal sealed class EventBudget(TimeProvider time)
{
    /// <summary>Maximum burst of events about one object.</summary>
    public const int ObjectBurst = 25;

    /// <summary>Maximum burst of events about all objects.</summary>
    public const int TotalBurst = 100;

    private const int MaxObjects = 4096;

    private readonly Dictionary<ObjectReference, Bucket> _objects = [];
    private Bucket _total = new(TotalBurst, time.GetTimestamp());

    /// <summary>How often one more event about an object is allowed.</summary>
    public static TimeSpan ObjectRefill { get; } = TimeSpan.FromMinutes(5);

    /// <summary>How often one more event about any object is allowed.</summary>
    public static TimeSpan TotalRefill { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Returns whether an event may be written now and, if so, counts it.</summary>
    public bool TryTake(ObjectReference regarding)
    {
        var now = time.GetTimestamp();
        var total = Refill(_total, now, TotalBurst, TotalRefill);
        var own = Refill(_objects.GetValueOrDefault(regarding, new Bucket(ObjectBurst, now)), now, ObjectBurst, ObjectRefill);
        if (total.Tokens < 1 || own.Tokens < 1)
        {
            return false;
        }

        if (_objects.Count >= MaxObjects && !_objects.ContainsKey(regarding))
        {
            _objects.Remove(_objects.MinBy(o => o.Value.Since).Key);
        }

        _total = total with { Tokens = total.Tokens - 1 };
        _objects[regarding] = own with { Tokens = own.Tokens - 1 };
        return true;
    }

    private Bucket Refill(Bucket bucket, long now, int burst, TimeSpan refill) =>
        new(Math.Min(burst, bucket.Tokens + (time.GetElapsedTime(bucket.Since, now) / refill)), now);

    private readonly record struct Bucket(double Tokens, long Since);
}
