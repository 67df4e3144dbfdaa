using ACCOffload.Connections;

namespace ACCOffload.SoftTarget.Server;

/// <summary>Options of a soft target.</summary>
public sealed record SoftTargetOptions
{
    /// <summary>Addresses for P4Runtime, gNMI and tracing: "unix:/path" (mode 0600) or "address:port", at least one.</summary>
    public required IReadOnlyList<string> Listen { get; init; }

    /// <summary>Certificates for the TCP addresses; without them only loopback addresses are allowed.</summary>
    public SoftTargetTlsOptions? Tls { get; init; }

    /// <summary>
    /// Network namespace file of the ports' links, such as /run/netns/NAME; it may appear later. Null or empty for the process's own.
    /// </summary>
    public string? PortNamespace { get; init; }

    /// <summary>
    /// Connection limits of all TCP addresses together. Requests contain whole pipelines and tables, so they may take longer to arrive.
    /// </summary>
    public ConnectionLimits Limits { get; init; } = new() { Idle = TimeSpan.FromMinutes(5), RequestArrival = TimeSpan.FromSeconds(60) };

    /// <summary>The device id that controllers must use; 0 to take it from the first controller.</summary>
    public ulong DeviceId { get; init; }

    /// <summary>Port number of the controller.</summary>
    public uint CpuPort { get; init; } = 4094;

    /// <summary>Whether ports are served. If not, the target is a control plane only, for tests and benchmarks.</summary>
    public bool ServePorts { get; init; } = true;

    /// <summary>Clock of the pipeline's learners and meters, the connection limits and gNMI timestamps.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}

/// <summary>Certificates in PEM files, for mutual TLS 1.3; changed files apply to new connections.</summary>
public sealed record SoftTargetTlsOptions
{
    /// <summary>The server's certificate, with intermediates.</summary>
    public required string CertificateFile { get; init; }

    /// <summary>Its private key.</summary>
    public required string KeyFile { get; init; }

    /// <summary>Certificate authorities of the clients.</summary>
    public required string CaFile { get; init; }

    /// <summary>
    /// Roles (the subject alternative name's URI after urn:accoffload:role:) of clients that may program the target; others are rejected.
    /// </summary>
    public IReadOnlyList<string> ClientRoles { get; init; } = ["p4rt-client"];
}
