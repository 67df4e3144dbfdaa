using System.Net;
using ACCOffload.InfraManager.Security;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads the section Api.</summary>
internal static class ApiSection
{
    private const string ListenRemedy = "give address:port such as 0.0.0.0:50002";

    public static ApiSettings Read(ConfigurationReader reader) => new(
        reader.Value<IPEndPoint>("Api:Listen", "0.0.0.0:50002", Parsers.EndPoint, ListenRemedy),
        reader.Value<IPEndPoint?>(
            "Api:HealthListen", "127.0.0.1:50096", Parsers.OptionalEndPoint, "give address:port such as 127.0.0.1:50096, or \"\" for none"),
        reader.Value<string>("Api:CertificateFile", "/etc/pki/inframanager/server/tls.crt", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string>("Api:KeyFile", "/etc/pki/inframanager/server/tls.key", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string>("Api:CaFile", "/etc/pki/inframanager/server/ca.crt", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string?>("Api:CrlFile", "", Parsers.OptionalPath, "give an absolute path, or \"\" for none"),
        reader.Map<string>(
            "Api:FingerprintRoles", NodeParsers.Fingerprint, NodeParsers.HostRole,
            "write the certificate's SHA-256 in hex as the key and host:NODE as the value")
            .ToDictionary(e => NodeParsers.NormalizeFingerprint(e.Key), e => e.Value, StringComparer.Ordinal),
        (int)reader.Number("Api:MaxMessageBytes", ProtocolLimits.MaxMessageBytes, 1 << 10, 256 << 20),
        (int)reader.Number("Api:MaxStreams", 100, 1, 10_000),
        new ConnectionLimits
        {
            MaxConnections = (int)reader.Number("Api:MaxConnections", 64, 1, 10_000),
            MaxHandshakes = (int)reader.Number("Api:MaxHandshakes", 256, 2, 10_000),
            MaxHandshakesPerAddress = (int)reader.Number("Api:MaxHandshakesPerAddress", 128, 1, 10_000),
            HandshakeTimeout = TimeSpan.FromSeconds(reader.Number("Api:HandshakeSeconds", 5, 1, 60)),
            Idle = TimeSpan.FromSeconds(reader.Number("Api:IdleSeconds", 60, 10, 86400)),
            RequestArrival = TimeSpan.FromSeconds(reader.Number("Api:RequestSeconds", 10, 1, 300)),
        });
}
