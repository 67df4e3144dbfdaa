namespace ACCOffload.InfraManager.Cluster.Events;

/// <summary>An Event that was told, and how often. Times are the wall clock's, which the API server shows.</summary>
internal sealed class EventSeries(ClusterEvent first, string name, DateTimeOffset began)
{
    public ClusterEvent First { get; } = first;

    /// <summary>Of the object in the API.</summary>
    public string Name { get; } = name;

    public DateTimeOffset Began { get; } = began;

    public int Count { get; set; } = 1;

    public DateTimeOffset Last { get; set; } = began;

    /// <summary>What the API server has been told.</summary>
    public int ToldCount { get; set; }

    public DateTimeOffset Told { get; set; } = began;
}
