using Microsoft.AspNetCore.Http.Features;

namespace ACCOffload.Connections;

/// <summary>A request from its first byte to the end of its answer; a feature of its HTTP context.</summary>
/// <param name="path">The method's path.</param>
/// <param name="lifetime">What aborts it.</param>
/// <param name="began">Timestamp.</param>
internal sealed class IncomingRequest(string path, IHttpRequestLifetimeFeature? lifetime, long began)
{
    private volatile bool _arrived;

    public string Path { get; } = path;

    public long Began { get; } = began;

    /// <summary>Whether the service has got its message; of a client's stream, whether it may begin to read.</summary>
    public bool Arrived => _arrived;

    public bool Aborted { get; private set; }

    public void Arrive() => _arrived = true;

    public void Abort()
    {
        Aborted = true;
        lifetime?.Abort();
    }
}
