namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>Limits of talking to the API server. The defaults suit clusters of thousands of services.</summary>
internal sealed record ReflectorOptions
{
    /// <summary>Objects in one chunk of a list. Halved when a chunk is too large.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Connecting.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From a request to the head of its answer.</summary>
    public TimeSpan AnswerLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between two pieces of a list's body.</summary>
    public TimeSpan BodyIdleLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the server is asked to keep a watch; each takes this to twice this, so that they don't end together.</summary>
    public TimeSpan WatchTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How much longer than asked for a watch may last before it counts as dead.</summary>
    public TimeSpan WatchGrace { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Watches that fail in a row, without one event, before the list is asked for again.</summary>
    public int WatchTries { get; init; } = 3;

    /// <summary>Bytes of one object. The API server itself stores none beyond 1.5 MB, as protobuf; JSON has up to ten times as many.</summary>
    public int LargestObject { get; init; } = 16 << 20;

    /// <summary>Bytes of one chunk of a list.</summary>
    public int LargestPage { get; init; } = 64 << 20;

    /// <summary>Objects of one kind.</summary>
    public int MostObjects { get; init; } = 200_000;
}

/// <summary>How the API server is reached.</summary>
/// <param name="Kubeconfig">The ACC's own kubeconfig.</param>
/// <param name="Context">The context in it; empty for its current one.</param>
/// <param name="Servers">Addresses that go before the kubeconfig's; may be empty.</param>
internal sealed record KubernetesSettings(string Kubeconfig, string Context, IReadOnlyList<Uri> Servers);
