using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>Writes the error and version objects that a plugin prints.</summary>
internal static class CniErrorJson
{
    /// <summary>Escapes only what JSON requires, for readers of kubelet's events.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes an error in the configuration's version, or the newest one if that is unknown.</summary>
    public static byte[] Error(string version, int code, string message, string details)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version.Length == 0 ? CniVersions.Newest.Text() : version);
            writer.WriteNumber("code"u8, code);
            writer.WriteString("msg"u8, message);
            if (details.Length > 0)
            {
                writer.WriteString("details"u8, details);
            }

            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    public static byte[] Versions(string version)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version.Length == 0 ? CniVersions.Newest.Text() : version);
            writer.WriteStartArray("supportedVersions"u8);
            foreach (var supported in CniVersions.All)
            {
                writer.WriteStringValue(supported);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }
}
