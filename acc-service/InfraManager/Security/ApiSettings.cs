using System.Net;

namespace ACCOffload.InfraManager.Security;

/// <summary>The API for the host, under mutual TLS.</summary>
internal sealed record ApiSettings(
    IPEndPoint Listen,
    IPEndPoint? HealthListen,
    string CertificateFile,
    string KeyFile,
    string CaFile,
    string? CrlFile,
    IReadOnlyDictionary<string, string> FingerprintRoles,
    int MaxMessageBytes,
    int MaxStreams,
    ConnectionLimits Connections);
