using System.Globalization;
using System.Numerics;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>Reads the sections Target and SoftTarget.</summary>
internal static class TargetSection
{
    private const string ServerRemedy = "give unix:/path or https://host:port";

    public static TargetSettings Read(ConfigurationReader reader) => new(
        reader.Value<TargetKind>("Target:Kind", "embedded", Parsers.Name, "give embedded or external"),
        reader.Value<string>("Target:P4Runtime", "unix:/run/accoffload/p4runtime.sock", Parsers.ServerAddress, ServerRemedy),
        reader.Value<string>("Target:Gnmi", "unix:/run/accoffload/p4runtime.sock", Parsers.ServerAddress, ServerRemedy),
        // Every server refuses device 0.
        (ulong)reader.Number("Target:DeviceId", 1, 1, long.MaxValue),
        reader.Value<string>("Target:CertificateFile", "/etc/pki/inframanager/client/tls.crt", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string>("Target:KeyFile", "/etc/pki/inframanager/client/tls.key", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string>("Target:CaFile", "/etc/pki/inframanager/client/ca.crt", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string?>(
            "Target:ServerName", "", Optional,
            "give the name in the server's certificate"),
        reader.Value<string?>("Target:ServerRole", "", Parsers.OptionalUri, "give the role's URI such as urn:accoffload:role:p4rt-server"),
        (int)reader.Number("Target:BatchSize", 4096, 1, 10_000),
        TimeSpan.FromSeconds(reader.Number("Target:RpcSeconds", 10, 1, 300)),
        reader.Value<TargetTraits?>("Target:Traits", "auto", TargetTraits.Parse, "give auto, soft, p4-dpdk or es2k"),
        ReadPorts(reader));

    public static SoftTargetSettings ReadSoftTarget(ConfigurationReader reader) => new(
        reader.Value<string>(
            "SoftTarget:Listen", "unix:/run/accoffload/p4runtime.sock", Parsers.ListenAddress, "give unix:/path or address:port"),
        reader.Value<string>("SoftTarget:PortNamespace", "/run/netns/accoffload-dp", Parsers.AbsolutePath, Remedies.Path),
        reader.Value<string?>("SoftTarget:CertificateFile", "", Parsers.OptionalPath, Remedies.Path),
        reader.Value<string?>("SoftTarget:KeyFile", "", Parsers.OptionalPath, Remedies.Path),
        reader.Value<string?>("SoftTarget:CaFile", "", Parsers.OptionalPath, Remedies.Path),
        reader.List<string>(
            "SoftTarget:ClientRoles", NodeParsers.Role,
            "give a role such as p4rt-client, which is urn:accoffload:role:p4rt-client in a certificate",
            fallback: CertificateRoles.P4RuntimeClient));

    private static TargetPorts ReadPorts(ConfigurationReader reader)
    {
        const string Key = "Target:Ports";
        const string Remedy = "give 1, 2, 4, 8, … different port names from the target's chassis configuration";
        var names = reader.List<string>(Key, DeviceParsers.PortName, Remedy);
        // P4-DPDK accepts only a power of two.
        if (names.Count > 0 && !BitOperations.IsPow2(names.Count))
        {
            reader.Fail(
                Key, names.Count.ToString(CultureInfo.InvariantCulture), "is not a power of two: the target would refuse the pipeline",
                Remedy);
        }

        if (names.Distinct(StringComparer.Ordinal).Count() != names.Count)
        {
            reader.Fail(Key, string.Join(' ', names), "names a port twice", Remedy);
        }

        return new TargetPorts(names, !reader.Flag("Target:MakePorts", true));
    }

    private static string? Optional(string text, out string? value)
    {
        value = text.Length == 0 ? null : text;
        return null;
    }
}
