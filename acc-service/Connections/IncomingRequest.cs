using Microsoft.AspNetCore.Http.Features;

namespace ACCOffload.Connections;

/// <summary>A request, from its first byte to the end of its response. A feature of the HTTP context.</summary>
/// <param name="path">The method's path.</param>
/// <param name="lifetime">Aborts the request.</param>
/// <param name="began">Timestamp of its start.</param>
internal sealed class IncomingRequest(string path, IHttpRequestLifetimeFeature? lifetime, long began)
{
    private volatile bool _arrived;

    public string Path { get; } = path;

    public long Began { get; } = began;

    /// <summary>Whether the service has received the message, or may start reading a stream of the client.</summary>
    public bool Arrived => _arrived;

    public bool Aborted { get; private set; }

    public void Arrive() => _arrived = true;

    public void Abort()
    {
        Aborted = true;
        lifetime?.Abort();
    }
}
