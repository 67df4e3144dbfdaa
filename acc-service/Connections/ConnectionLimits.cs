namespace ACCOffload.Connections;

/// <summary>Limits on the clients of a TLS listener.</summary>
public sealed record ConnectionLimits
{
    /// <summary>Maximum number of concurrent TLS handshakes.</summary>
    public int MaxHandshakes { get; init; } = 256;

    /// <summary>Maximum number of concurrent TLS handshakes from one address.</summary>
    public int MaxHandshakesPerAddress { get; init; } = 128;

    /// <summary>Maximum duration of a TLS handshake.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Maximum number of authenticated connections from the intended peers.</summary>
    public int MaxConnections { get; init; } = 64;

    /// <summary>How long a connection may be open without a request.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a request may take to arrive.</summary>
    public TimeSpan RequestArrival { get; init; } = TimeSpan.FromSeconds(10);
}
