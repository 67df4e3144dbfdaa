namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>How to reach the API server.</summary>
/// <param name="Kubeconfig">Path of the ACC's own kubeconfig.</param>
/// <param name="Context">Context to use; empty for the kubeconfig's current context.</param>
/// <param name="Servers">Server addresses used instead of the kubeconfig's; may be empty.</param>
internal sealed record KubernetesSettings(string Kubeconfig, string Context, IReadOnlyList<Uri> Servers);

/// <summary>Limits for requests to the API server. The defaults suit clusters with thousands of services.</summary>
internal sealed record ApiServerOptions
{
    /// <summary>Objects per page of a list. Halved when a page exceeds <see cref="MaxPageBytes"/>.</summary>
    public int PageSize { get; init; } = 500;

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From sending a request to receiving the response headers.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest pause between two reads of a list's body.</summary>
    public TimeSpan BodyIdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Requested duration of a watch. Each watch asks for one to two times this, so that watches do not end together.</summary>
    public TimeSpan WatchDuration { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How much longer than requested a watch may last before it counts as dead.</summary>
    public TimeSpan WatchGrace { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(500);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Consecutive watches that may fail without an event before the objects are listed again.</summary>
    public int MaxWatchFailures { get; init; } = 3;

    /// <summary>Bytes of one object. The API server stores at most 1.5 MB of protobuf; the JSON may be up to ten times larger.</summary>
    public int MaxObjectBytes { get; init; } = 16 << 20;

    /// <summary>Bytes of one page of a list.</summary>
    public int MaxPageBytes { get; init; } = 64 << 20;

    /// <summary>Objects of one kind.</summary>
    public int MaxObjects { get; init; } = 200_000;
}
