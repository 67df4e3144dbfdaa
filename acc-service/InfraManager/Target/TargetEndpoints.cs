using ACCOffload.P4Runtime.Channels;

namespace ACCOffload.InfraManager.Target;

/// <summary>Converts the configuration to client settings.</summary>
internal static class TargetEndpoints
{
    /// <summary>The endpoint for one of the target's addresses, with certificates if it uses TLS.</summary>
    public static TargetEndpoint EndpointFor(this TargetSettings target, string address) =>
        address.StartsWith("unix:", StringComparison.Ordinal)
            ? new TargetEndpoint { Address = address }
            : new TargetEndpoint
            {
                Address = address,
                CertificateFile = target.CertificateFile,
                KeyFile = target.KeyFile,
                CaFile = target.CaFile,
                ServerName = target.ServerName ?? "",
                ServerRole = target.ServerRole ?? "",
            };
}
