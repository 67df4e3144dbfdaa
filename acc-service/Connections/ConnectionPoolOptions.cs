namespace ACCOffload.Connections;

/// <summary>The limits of a <see cref="ConnectionPool"/>.</summary>
internal sealed record ConnectionPoolOptions
{
    /// <summary>Maximum number of connections of a group.</summary>
    public required Func<string, int> MaxPerGroup { get; init; }

    /// <summary>Maximum number of connections of all groups.</summary>
    public required int MaxConnections { get; init; }

    /// <summary>How long a connection may be open without a request.</summary>
    public required TimeSpan Idle { get; init; }

    /// <summary>How long a request may take to arrive.</summary>
    public required TimeSpan RequestArrival { get; init; }

    /// <summary>
    /// Whether the oldest connection is closed even if it is in use: for unauthenticated clients, where a lost request costs nothing.
    /// </summary>
    public bool ClosesBusy { get; init; }
}
