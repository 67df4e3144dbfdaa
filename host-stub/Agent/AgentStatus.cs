using System.Buffers;
using System.Text.Json;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.Reconcile;

namespace ACCOffload.HostStub.Agent;

/// <summary>Writes the agent's state for `host-stub status`.</summary>
internal static class AgentStatus
{
    public static byte[] Write(AgentServices services, AgentConditions conditions, HostInterface host, Reconciler reconciler, int requests)
    {
        var acc = services.Acc.State;
        var claims = services.Claims.All();
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, CniErrorJson.Options))
        {
            writer.WriteStartObject();
            WriteAcc(writer, services.Config.Acc.Address.Authority, acc);
            writer.WriteNumber("epoch"u8, services.Claims.Epoch);
            writer.WriteNumber("requests"u8, requests);
            WriteConditions(writer, conditions.Take());
            if (services.Config.HostInterface.Enabled)
            {
                writer.WriteStartObject("hostInterface"u8);
                writer.WriteString("name"u8, services.Config.HostInterface.Name);
                writer.WriteString("failure"u8, host.Problem);
                writer.WriteEndObject();
            }
            writer.WriteStartArray("attachments"u8);
            foreach (var claim in claims.OrderBy(c => c.Created))
            {
                WriteClaim(writer, claim);
            }

            writer.WriteEndArray();
            writer.WriteStartArray("unknownDevices"u8);
            foreach (var port in reconciler.UnknownPorts)
            {
                writer.WriteStringValue(port);
            }

            writer.WriteEndArray();
            writer.WriteStartArray("setAside"u8);
            foreach (var device in services.Pools.Quarantine.All())
            {
                writer.WriteStringValue($"{device.Kind} {device.Device}: {device.Reason}");
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteAcc(Utf8JsonWriter writer, string address, AccState acc)
    {
        writer.WriteStartObject("acc"u8);
        writer.WriteString("address"u8, address);
        writer.WriteBoolean("synced"u8, acc.Synced);
        writer.WriteBoolean("ready"u8, acc.Ready && acc.Synced);
        writer.WriteString("reason"u8, acc.Reason);
        writer.WriteString("version"u8, acc.Version);
        writer.WriteNumber("endpoints"u8, acc.Endpoints);
        if (acc.LastSync is { } last)
        {
            writer.WriteString("lastSync"u8, last);
        }

        if (acc.UnusableSince is { } since)
        {
            writer.WriteString("unusableSince"u8, since);
        }

        WriteConditions(writer, acc.Conditions);
        writer.WriteStartArray("syncFailures"u8);
        foreach (var failure in acc.SyncFailures)
        {
            writer.WriteStringValue(failure);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteConditions(Utf8JsonWriter writer, IReadOnlyList<AgentCondition> conditions)
    {
        writer.WriteStartArray("conditions"u8);
        foreach (var condition in conditions)
        {
            writer.WriteStartObject();
            writer.WriteString("name"u8, condition.Name);
            writer.WriteBoolean("ok"u8, condition.Ok);
            writer.WriteString("reason"u8, condition.Reason);
            writer.WriteBoolean("preventsAdds"u8, condition.PreventsAdds);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void WriteClaim(Utf8JsonWriter writer, Claim claim)
    {
        writer.WriteStartObject();
        writer.WriteString("network"u8, claim.Key.Network);
        writer.WriteString("containerId"u8, claim.Key.ContainerId);
        writer.WriteString("interface"u8, claim.Key.InterfaceName);
        writer.WriteString("state"u8, claim.StateName);
        writer.WriteString("device"u8, claim.DeviceKind);
        writer.WriteString("port"u8, claim.PortName);
        writer.WriteString("mac"u8, claim.Mac.ToString());
        writer.WriteNumber("mtu"u8, claim.Mtu);
        writer.WriteStartArray("addresses"u8);
        foreach (var address in claim.Addresses)
        {
            writer.WriteStringValue(address.ToString());
        }

        writer.WriteEndArray();
        writer.WriteString("podNamespace"u8, claim.PodNamespace);
        writer.WriteString("podName"u8, claim.PodName);
        writer.WriteString("netns"u8, claim.NetNs);
        writer.WriteString("created"u8, claim.Created);
        writer.WriteEndObject();
    }
}
