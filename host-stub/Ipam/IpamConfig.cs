using System.Buffers;
using System.Text.Json;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Ipam;

/// <summary>The network configuration as a delegated plugin is to see it: everything, but in a version that it knows.</summary>
internal static class IpamConfig
{
    public static ReadOnlyMemory<byte> For(IpamRequest request, CniVersion version)
    {
        if (version == request.Version)
            return request.Config;
        var buffer = new ArrayBufferWriter<byte>(request.Config.Length + 64);
        using (var document = JsonDocument.Parse(request.Config))
        using (var writer = new Utf8JsonWriter(buffer, CniErrorJson.Options))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version.Text());
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.NameEquals("cniVersion"u8))
                    continue;
                if (property.NameEquals("prevResult"u8) && request.PrevResult is { } previous)
                {
                    writer.WritePropertyName("prevResult"u8);
                    CniResultWriter.Write(writer, previous, version);
                    continue;
                }
                property.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}
