namespace ACCOffload.P4Runtime.Channels;

/// <summary>Address and credentials of a P4Runtime or gNMI server.</summary>
public sealed record TargetEndpoint
{
    /// <summary><c>unix:/path/of/socket</c>, or <c>https://host:port</c> with the three files below.</summary>
    public required string Address { get; init; }

    /// <summary>Our certificate chain, PEM, leaf first. Read again on every connect.</summary>
    public string CertificateFile { get; init; } = "";

    /// <summary>Our private key, PEM.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>The certificate authorities that may sign the server's certificate, PEM. The system's store is not used.</summary>
    public string CaFile { get; init; } = "";

    /// <summary>The name expected in the server's certificate; empty for the host of the address.</summary>
    public string ServerName { get; init; } = "";

    /// <summary>
    /// A URI that the server's certificate must have as a subject alternative name, such as <c>urn:accoffload:role:p4rt-server</c>; empty
    /// for none.
    /// </summary>
    public string ServerRole { get; init; } = "";

    /// <summary>Time between HTTP/2 keepalive pings; servers close connections that ping more often than every 10 s.</summary>
    public TimeSpan KeepAliveDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Time without a ping answer after which the peer is considered dead.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the certificate files are checked; a session reconnects when they change.</summary>
    public TimeSpan CertificateCheckInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>In-memory transport, for tests that feed bytes to a session; null to connect to the address.</summary>
    internal Func<Grpc.Core.CallInvoker>? Answers { get; init; }

    /// <summary>The path if the address is a unix socket, else null.</summary>
    public string? UnixPath => Address.StartsWith("unix:", StringComparison.Ordinal) ? Address["unix:".Length..] : null;

    /// <summary>Identifies this version of the certificate files; the default stamp for a unix socket, which needs none.</summary>
    internal CertificateStamp CertificateStamp =>
        UnixPath is null ? CertificateStamp.Of(CertificateFile, KeyFile, CaFile) : default;

    /// <summary>Throws if a value is missing or out of range.</summary>
    /// <exception cref="ArgumentException">The message names the option.</exception>
    public void Validate()
    {
        if (KeepAliveDelay < TimeSpan.FromSeconds(10))
        {
            throw new ArgumentException($"KeepAliveDelay is {KeepAliveDelay}; it must be 10 s or more, or servers close the connection");
        }

        if (KeepAliveTimeout <= TimeSpan.Zero || CertificateCheckInterval <= TimeSpan.Zero)
        {
            throw new ArgumentException("KeepAliveTimeout and CertificateCheckInterval must be above 0");
        }

        if (UnixPath is { } path)
        {
            if (!path.StartsWith('/'))
            {
                throw new ArgumentException($"Address '{Address}' is not valid; a unix socket is written unix:/path");
            }

            return;
        }

        if (!Uri.TryCreate(Address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps || uri.AbsolutePath != "/")
        {
            throw new ArgumentException($"Address '{Address}' is not valid; write unix:/path or https://host:port");
        }

        if (ServerName.Length > 0 && Uri.CheckHostName(ServerName) == UriHostNameType.Unknown)
        {
            throw new ArgumentException($"ServerName '{ServerName}' is not a host name or address");
        }

        if (CertificateFile.Length == 0 || KeyFile.Length == 0 || CaFile.Length == 0)
        {
            throw new ArgumentException(
                $"Address '{Address}' requires CertificateFile, KeyFile and CaFile: TCP targets are only supported with mutual TLS");
        }
    }
}
