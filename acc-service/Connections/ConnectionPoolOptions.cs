namespace ACCOffload.Connections;

/// <summary>The bounds of a <see cref="ConnectionPool"/>.</summary>
internal sealed record ConnectionPoolOptions
{
    /// <summary>Most connections of a group.</summary>
    public required Func<string, int> MostOf { get; init; }

    /// <summary>Most of all groups.</summary>
    public required int Most { get; init; }

    /// <summary>How long a connection may be open without a request.</summary>
    public required TimeSpan Idle { get; init; }

    /// <summary>Longest time that a request may take to arrive.</summary>
    public required TimeSpan RequestArrival { get; init; }

    /// <summary>Whether the oldest connection gives way even though it has requests open: where nobody is authenticated and a lost request costs nothing.</summary>
    public bool ClosesBusy { get; init; }
}
