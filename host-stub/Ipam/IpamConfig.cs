using System.Buffers;
using System.Text.Json;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>
/// Writes a delegated plugin's input: the complete network configuration, with a cniVersion that the plugin supports. If it has a
/// prevResult, that is replaced by the plugin's own result, if known.
/// </summary>
internal static class IpamConfig
{
    public static ReadOnlyMemory<byte> For(IpamRequest request, CniVersion version)
    {
        if (version == request.Version && request.OwnResult is null)
        {
            return request.Config;
        }

        var buffer = new ArrayBufferWriter<byte>(request.Config.Length + 64);
        using (var document = JsonDocument.Parse(request.Config))
        using (var writer = new Utf8JsonWriter(buffer, CniErrorJson.Options))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version.Text());
            foreach (var property in document.RootElement.EnumerateObject())
            {
                var replaced = CniKeys.Matches(property, "cniVersion"u8)
                    || (CniKeys.Matches(property, "prevResult"u8) && request.PrevResult is not null);
                if (!replaced)
                {
                    property.WriteTo(writer);
                }
            }
            if (request.PrevResult is not null && (request.OwnResult ?? request.PrevResult) is { } previous)
            {
                writer.WritePropertyName("prevResult"u8);
                CniResultWriter.Write(writer, previous, version);
            }
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}
