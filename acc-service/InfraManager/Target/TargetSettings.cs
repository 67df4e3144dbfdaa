namespace ACCOffload.InfraManager.Target;

/// <summary>Where the P4Runtime and gNMI server runs.</summary>
internal enum TargetKind
{
    /// <summary>The soft target in this process.</summary>
    Embedded,

    /// <summary>Another process or machine.</summary>
    External,
}

/// <summary>
/// How to reach the P4Runtime and gNMI server. Addresses are unix:/path or https://host:port. Traits are detected if null. Ports must exist
/// before the pipeline is pushed.
/// </summary>
internal sealed record TargetSettings(
    TargetKind Kind,
    string P4Runtime,
    string Gnmi,
    ulong DeviceId,
    string CertificateFile,
    string KeyFile,
    string CaFile,
    string? ServerName,
    string? ServerRole,
    int BatchSize,
    TimeSpan RpcTimeout,
    TargetTraits? Traits,
    TargetPorts Ports);
