namespace ACCOffload.Connections;

/// <summary>What the clients of one TLS listener may take.</summary>
public sealed record ConnectionLimits
{
    /// <summary>Most connections whose TLS handshake has not finished.</summary>
    public int MaxHandshakes { get; init; } = 256;

    /// <summary>Most of them from one address.</summary>
    public int MaxHandshakesPerAddress { get; init; } = 128;

    /// <summary>Longest TLS handshake.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Most authenticated connections of the peers that the listener is for.</summary>
    public int MaxConnections { get; init; } = 64;

    /// <summary>How long a connection may be open without a request.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest time that a request may take to arrive.</summary>
    public TimeSpan RequestArrival { get; init; } = TimeSpan.FromSeconds(10);
}
