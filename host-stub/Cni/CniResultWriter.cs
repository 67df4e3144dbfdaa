using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;

namespace ACCOffload.HostStub.Cni;

/// <summary>Writes a result in one version, omitting fields that the version does not have.</summary>
internal static class CniResultWriter
{
    public static byte[] Write(CniResult result, CniVersion version)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, CniErrorJson.Options))
        {
            Write(writer, result, version);
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static void Write(Utf8JsonWriter writer, CniResult result, CniVersion version)
    {
        writer.WriteStartObject();
        writer.WriteString("cniVersion"u8, version.Text());
        if (result.Interfaces.Count > 0)
        {
            writer.WriteStartArray("interfaces"u8);
            foreach (var item in result.Interfaces)
            {
                WriteInterface(writer, item, version);
            }

            writer.WriteEndArray();
        }
        if (result.Addresses.Count > 0)
        {
            writer.WriteStartArray("ips"u8);
            foreach (var item in result.Addresses)
            {
                WriteAddress(writer, item, version);
            }

            writer.WriteEndArray();
        }
        if (result.Routes.Count > 0)
        {
            writer.WriteStartArray("routes"u8);
            foreach (var item in result.Routes)
            {
                WriteRoute(writer, item, version);
            }

            writer.WriteEndArray();
        }
        // Runtimes for older versions expect the key even if it is empty.
        writer.WritePropertyName("dns"u8);
        WriteDns(writer, result.Dns);
        writer.WriteEndObject();
    }

    private static void WriteInterface(Utf8JsonWriter writer, CniInterface item, CniVersion version)
    {
        writer.WriteStartObject();
        writer.WriteString("name"u8, item.Name);
        Text(writer, "mac", item.Mac);
        if (version >= CniVersion.V110 && item.Mtu > 0)
        {
            writer.WriteNumber("mtu"u8, item.Mtu);
        }

        Text(writer, "sandbox", item.Sandbox);
        if (version >= CniVersion.V110)
        {
            Text(writer, "socketPath", item.SocketPath);
            Text(writer, "pciID", item.PciId);
        }
        writer.WriteEndObject();
    }

    private static void WriteAddress(Utf8JsonWriter writer, CniAddress item, CniVersion version)
    {
        writer.WriteStartObject();
        if (version < CniVersion.V100)
        {
            writer.WriteString("version"u8, item.Address.AddressFamily == AddressFamily.InterNetwork ? "4" : "6");
        }

        if (item.Interface is { } index)
        {
            writer.WriteNumber("interface"u8, index);
        }

        writer.WriteString("address"u8, $"{item.Address}/{item.PrefixLength}");
        if (item.Gateway is { } gateway)
        {
            writer.WriteString("gateway"u8, gateway.ToString());
        }

        writer.WriteEndObject();
    }

    private static void WriteRoute(Utf8JsonWriter writer, CniRoute item, CniVersion version)
    {
        writer.WriteStartObject();
        writer.WriteString("dst"u8, item.Destination.ToString());
        if (item.Gateway is { } gateway)
        {
            writer.WriteString("gw"u8, gateway.ToString());
        }

        if (version >= CniVersion.V110)
        {
            Number(writer, "mtu", item.Mtu);
            Number(writer, "advmss", item.AdvMss);
            Number(writer, "priority", item.Priority);
            Number(writer, "table", item.Table);
            Number(writer, "scope", item.Scope);
        }
        writer.WriteEndObject();
    }

    private static void WriteDns(Utf8JsonWriter writer, CniDns dns)
    {
        writer.WriteStartObject();
        Texts(writer, "nameservers", dns.Nameservers);
        Text(writer, "domain", dns.Domain);
        Texts(writer, "search", dns.Search);
        Texts(writer, "options", dns.Options);
        writer.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter writer, string key, string value)
    {
        if (value.Length > 0)
        {
            writer.WriteString(key, value);
        }
    }

    private static void Number(Utf8JsonWriter writer, string key, int? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(key, number);
        }
    }

    private static void Texts(Utf8JsonWriter writer, string key, IReadOnlyList<string> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(key);
        foreach (var value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
