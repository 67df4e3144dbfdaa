using ACCOffload.P4Runtime.Channels;

namespace ACCOffload.InfraManager.Target;

/// <summary>From the configuration to what a client needs.</summary>
internal static class TargetEndpoints
{
    /// <summary>One of the target's addresses, with the certificates that an address over TLS takes.</summary>
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
