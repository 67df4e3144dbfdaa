using ACCOffload.Connections;

namespace ACCOffload.SoftTarget.Server;

/// <summary>How a soft target is run.</summary>
public sealed record SoftTargetOptions
{
    /// <summary>Where P4Runtime, gNMI and tracing are served: "unix:/path" (mode 0600) or "host:port", one at least.</summary>
    public required IReadOnlyList<string> Listen { get; init; }

    /// <summary>Certificates for the TCP addresses; without them only loopback addresses are served.</summary>
    public SoftTargetTlsOptions? Tls { get; init; }

    /// <summary>File of the network namespace that holds the ports' links, such as /run/netns/NAME; it may appear later. Null or empty: the process's own.</summary>
    public string? PortNamespace { get; init; }

    /// <summary>What the clients of a TCP address may take. Requests hold whole pipelines and tables, so they may take longer to arrive.</summary>
    public ConnectionLimits Limits { get; init; } = new() { Idle = TimeSpan.FromMinutes(5), RequestArrival = TimeSpan.FromSeconds(60) };

    /// <summary>The device id that controllers must name; 0: that of the first controller.</summary>
    public ulong DeviceId { get; init; }

    /// <summary>Port number that stands for the controller.</summary>
    public uint CpuPort { get; init; } = 4094;

    /// <summary>Whether ports are served. Without, the target is a control plane only, for tests and benchmarks.</summary>
    public bool ServePorts { get; init; } = true;

    /// <summary>Clock of the pipeline's learners and meters.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}

/// <summary>Certificates in PEM files. TLS 1.3, both sides authenticated; changed files count from the next connection on.</summary>
public sealed record SoftTargetTlsOptions
{
    /// <summary>Server's certificate, with intermediates.</summary>
    public required string CertificateFile { get; init; }

    /// <summary>Its private key.</summary>
    public required string KeyFile { get; init; }

    /// <summary>Authorities whose client certificates are accepted.</summary>
    public required string CaFile { get; init; }

    /// <summary>Roles (the subject alternative name's URI after urn:accoffload:role:) of clients that may program the target; others are refused.</summary>
    public IReadOnlyList<string> ClientRoles { get; init; } = ["p4rt-client"];
}
