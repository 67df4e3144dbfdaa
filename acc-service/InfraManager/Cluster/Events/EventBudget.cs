namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>
/// Bounds the Events that are written: for each object as many as client-go's spam filter lets through, and for all objects together. Not thread-safe.
/// </summary>
internal sealed class EventBudget(TimeProvider time)
{
    /// <summary>At once, of one object.</summary>
    public const int ObjectBurst = 25;

    /// <summary>At once, of all objects.</summary>
    public const int TotalBurst = 100;

    private const int MostObjects = 4096;

    private readonly Dictionary<ObjectReference, Bucket> _objects = [];
    private Bucket _total = new(TotalBurst, time.GetTimestamp());

    /// <summary>How long it takes until one more of an object may be written.</summary>
    public static TimeSpan ObjectRefill { get; } = TimeSpan.FromMinutes(5);

    /// <summary>The same of all objects.</summary>
    public static TimeSpan TotalRefill { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether one more may be written now; it counts then.</summary>
    public bool Take(ObjectReference regarding)
    {
        var now = time.GetTimestamp();
        var total = Filled(_total, now, TotalBurst, TotalRefill);
        var mine = Filled(_objects.GetValueOrDefault(regarding, new Bucket(ObjectBurst, now)), now, ObjectBurst, ObjectRefill);
        if (total.Tokens < 1 || mine.Tokens < 1)
        {
            return false;
        }

        if (_objects.Count >= MostObjects && !_objects.ContainsKey(regarding))
        {
            _objects.Remove(_objects.MinBy(o => o.Value.Since).Key);
        }

        _total = total with { Tokens = total.Tokens - 1 };
        _objects[regarding] = mine with { Tokens = mine.Tokens - 1 };
        return true;
    }

    private Bucket Filled(Bucket bucket, long now, int burst, TimeSpan refill) =>
        new(Math.Min(burst, bucket.Tokens + (time.GetElapsedTime(bucket.Since, now) / refill)), now);

    private readonly record struct Bucket(double Tokens, long Since);
}
