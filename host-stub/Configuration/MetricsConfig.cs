using System.Net;

namespace ACCOffload.HostStub.Configuration;

/// <summary>The address that metrics are served at; null where they are not served. The files are for an address that others can reach: the agent's other certificate is a client's.</summary>
internal sealed record MetricsConfig(IPEndPoint? Listen, string? CertificateFile, string? KeyFile, string? CaFile);
