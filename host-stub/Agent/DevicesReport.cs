using System.Buffers;
using System.Text.Json;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Cni;

namespace ACCOffload.HostStub.Agent;

/// <summary>The report of `host-stub devices`: the pools, and which attachment has which device.</summary>
internal static class DevicesReport
{
    public static byte[] Write(AgentServices services)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, CniErrorJson.Options))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("pools"u8);
            foreach (var pool in services.Pools.States())
            {
                writer.WriteStartObject();
                writer.WriteString("kind"u8, pool.Kind);
                writer.WriteNumber("limit"u8, pool.Limit);
                writer.WriteNumber("inUse"u8, pool.InUse);
                writer.WriteStartArray("free"u8);
                foreach (var device in pool.Free)
                {
                    writer.WriteStringValue(device);
                }

                writer.WriteEndArray();
                writer.WriteStartArray("setAside"u8);
                foreach (var device in pool.Quarantined)
                {
                    writer.WriteStartObject();
                    writer.WriteString("device"u8, device.Device);
                    writer.WriteString("reason"u8, device.Reason);
                    writer.WriteString("until"u8, device.Until);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("devices"u8);
            foreach (var claim in services.Claims.All().OrderBy(c => c.DeviceKind, StringComparer.Ordinal).ThenBy(c => c.Created))
            {
                writer.WriteStartObject();
                writer.WriteString("kind"u8, claim.DeviceKind);
                writer.WriteString("device"u8, claim.Device);
                writer.WriteString("port"u8, claim.PortName);
                writer.WriteString("mac"u8, claim.Mac.ToString());
                writer.WriteString("attachment"u8, claim.Key.ToString());
                writer.WriteString("state"u8, claim.StateName);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }
}
