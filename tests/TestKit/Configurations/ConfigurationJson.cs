using System.Text.Json.Nodes;

namespace ACCOffload.TestKit.Configurations;

/// <summary>What the files of both daemons have in common. Keys are written as in the product's messages: Api:Listen.</summary>
public static class ConfigurationJson
{
    /// <summary>Sets one key, creating missing sections; returns the configuration.</summary>
    public static JsonObject Set(this JsonObject configuration, string key, JsonNode? value)
    {
        var section = configuration;
        var names = key.Split(':');
        foreach (var name in names[..^1])
        {
            section[name] ??= new JsonObject();
            section = section[name]!.AsObject();
        }

        section[names[^1]] = value;
        return configuration;
    }

    /// <summary>A section's certificate, key and authority: tls.crt, tls.key and ca.crt of a folder.</summary>
    public static JsonObject WithCertificates(this JsonObject configuration, string section, string folder) => configuration
        .Set($"{section}:CertificateFile", $"{folder}/tls.crt")
        .Set($"{section}:KeyFile", $"{folder}/tls.key")
        .Set($"{section}:CaFile", $"{folder}/ca.crt");
}
