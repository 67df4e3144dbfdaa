using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Rules that need no other endpoint: the form of a request, and the addresses that endpoints of this node may have. Field names are those
/// of the proto.
/// </summary>
internal static class EndpointRules
{
    private static readonly SearchValues<char> PortNameChars = SearchValues.Create(ProtocolLimits.PortNameCharacters);

    private static readonly SearchValues<char> AgentNameChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field; UNAVAILABLE while the node's pod ranges are not
    /// known.</exception>
    public static void Check(EndpointSpec spec, NodeSettings node)
    {
        CheckKey(spec.Key);
        CheckContents(spec, node);
    }

    /// <summary>Checks everything but the key.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field; UNAVAILABLE while the node's pod ranges are not
    /// known.</exception>
    public static void CheckContents(EndpointSpec spec, NodeSettings node)
    {
        if (!Enum.IsDefined(spec.Kind))
        {
            throw IntentException.Invalid("kind", "must be pod or host");
        }

        if (!Enum.IsDefined(spec.Device))
        {
            throw IntentException.Invalid("device.kind", "unknown device kind");
        }

        CheckPortName(spec.PortName);
        CheckMac(spec, node);
        node.Devices.Check(spec);
        if (spec.Mtu != 0 && spec.Mtu is < ProtocolLimits.MinMtu or > ProtocolLimits.MaxMtu)
        {
            throw IntentException.Invalid("mtu", $"{spec.Mtu} is outside {ProtocolLimits.MinMtu}..{ProtocolLimits.MaxMtu}");
        }

        CheckText("pod_namespace", spec.PodNamespace, ProtocolLimits.MaxNameBytes, mayBeEmpty: true);
        CheckText("pod_name", spec.PodName, ProtocolLimits.MaxNameBytes, mayBeEmpty: true);
        CheckText("pod_uid", spec.PodUid, ProtocolLimits.MaxNameBytes, mayBeEmpty: true);
        CheckAddresses(spec, node);
        CheckHostPorts(spec, node);
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void CheckKey(AttachmentKey key)
    {
        if (KeyProblem(key) is { } refusal)
        {
            throw refusal;
        }
    }

    /// <summary>Null, or why the key is invalid: INVALID_ARGUMENT with the field.</summary>
    public static IntentException? KeyProblem(AttachmentKey key) =>
        TextProblem("key.network", key.Network, ProtocolLimits.MaxNameBytes)
        ?? TextProblem("key.container_id", key.ContainerId, ProtocolLimits.MaxNameBytes)
        ?? TextProblem("key.interface_name", key.InterfaceName, ProtocolLimits.MaxPortNameBytes);

    /// <summary>Checks how many attachments a Sync lists.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT: more than a node may have.</exception>
    public static void CheckListLength(int count)
    {
        if (count > ProtocolLimits.MaxAttachments)
        {
            throw IntentException.Invalid("attachments", $"{count} attachments, at most {ProtocolLimits.MaxAttachments}");
        }
    }

    /// <summary>Checks a Sync as a whole. An error in a single attachment fails only that attachment.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(SyncIntent sync)
    {
        CheckListLength(sync.Attachments.Count + sync.Unreadable.Count);
        for (var i = 0; i < sync.Attachments.Count; i++)
        {
            if (sync.Attachments[i].Node != sync.Node || sync.Attachments[i].Origin != ApiOrigin.Offload)
            {
                throw IntentException.Invalid($"attachments[{i}]", "belongs to a different node or API than the Sync");
            }
        }
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void CheckAgentName(string name)
    {
        CheckText("agent", name, ProtocolLimits.MaxAgentNameBytes);
        if (name.AsSpan().ContainsAnyExcept(AgentNameChars))
        {
            throw IntentException.Invalid("agent", "only letters, digits and . _ - are allowed");
        }
    }

    private static void CheckText(string field, string? text, int limit, bool mayBeEmpty = false)
    {
        if (TextProblem(field, text, limit, mayBeEmpty) is { } refusal)
        {
            throw refusal;
        }
    }

    private static IntentException? TextProblem(string field, string? text, int limit, bool mayBeEmpty = false)
    {
        if (string.IsNullOrEmpty(text))
        {
            return mayBeEmpty && text is not null ? null : IntentException.Invalid(field, "empty");
        }

        if (text.Length > limit || Encoding.UTF8.GetByteCount(text) > limit)
        {
            return IntentException.Invalid(field, $"longer than {limit} bytes");
        }

        return text.Any(char.IsControl) ? IntentException.Invalid(field, "contains a control character") : null;
    }

    private static void CheckPortName(string name)
    {
        CheckText("device.port_name", name, ProtocolLimits.MaxPortNameBytes);
        if (name.AsSpan().ContainsAnyExcept(PortNameChars) || name is "." or "..")
        {
            throw IntentException.Invalid("device.port_name", "only letters, digits and . _ : @ - are allowed");
        }
    }

    private static void CheckMac(EndpointSpec spec, NodeSettings node)
    {
        if (spec.Mac.IsZero)
        {
            throw IntentException.Invalid("device.mac", "must not be all zero");
        }

        if (spec.Mac.IsMulticast)
        {
            throw IntentException.Invalid("device.mac", $"{spec.Mac} is a multicast address");
        }

        if (spec.Mac.Equals(node.GatewayMac))
        {
            throw IntentException.Invalid("device.mac", $"{spec.Mac} is the gateway's MAC address");
        }
    }

    private static void CheckAddresses(EndpointSpec spec, NodeSettings node)
    {
        if (spec.Addresses.Count == 0 && spec.Kind == EndpointKind.Pod)
        {
            throw IntentException.Invalid("addresses", "empty; a pod needs at least one");
        }

        if (spec.Addresses.Count > ProtocolLimits.MaxAddresses)
        {
            throw IntentException.Invalid("addresses", $"{spec.Addresses.Count} addresses, at most {ProtocolLimits.MaxAddresses}");
        }

        for (var i = 0; i < spec.Addresses.Count; i++)
        {
            var address = spec.Addresses[i];
            var field = $"addresses[{i}]";
            for (var j = 0; j < i; j++)
            {
                if (address.Equals(spec.Addresses[j]))
                {
                    throw IntentException.Invalid(field, $"{address} is listed twice");
                }
            }

            // The pipeline carries IPv4 only. An IPv4-mapped IPv6 address would evade the comparisons below.
            if (address.AddressFamily != AddressFamily.InterNetwork)
            {
                throw IntentException.Invalid(field, $"{address} is not IPv4; this pipeline carries IPv4 only");
            }

            if (spec.Kind == EndpointKind.Pod)
            {
                CheckPodAddress(field, address, node);
            }
            else if (!node.HostAddresses.Contains(address) && !node.NodeAddresses.Contains(address))
            {
                throw IntentException.Invalid(field, $"{address} is not a host or node address of node {node.Name}");
            }
        }
    }

    private static void CheckHostPorts(EndpointSpec spec, NodeSettings node)
    {
        if (spec.HostPorts.Count == 0)
        {
            return;
        }

        if (spec.Kind != EndpointKind.Pod)
        {
            throw IntentException.Invalid("host_ports", "only a pod can have host ports");
        }

        if (node.Profile.Services is { } package)
        {
            throw IntentException.Invalid("host_ports", $"{package.Name} does not support host ports; use a service instead, or chain a "
                + "plugin such as portmap");
        }

        for (var i = 0; i < spec.HostPorts.Count; i++)
        {
            var port = spec.HostPorts[i];
            for (var j = 0; j < i; j++)
            {
                if (port with { PodPort = 0 } == spec.HostPorts[j] with { PodPort = 0 })
                {
                    throw IntentException.Invalid($"host_ports[{i}]", $"{port} is listed twice");
                }
            }

            if (port.Protocol == Transport.Sctp && port.Port != port.PodPort)
            {
                throw IntentException.Invalid($"host_ports[{i}]", $"SCTP with a port change ({port.Port} to {port.PodPort}) is not "
                    + "supported: the pipeline cannot update the SCTP checksum");
            }
        }
    }

    private static void CheckPodAddress(string field, IPAddress address, NodeSettings node)
    {
        if (address.Equals(node.Gateway))
        {
            throw IntentException.Invalid(field, $"{address} is the gateway's address");
        }

        if (node.NodeAddresses.Contains(address))
        {
            throw IntentException.Invalid(field, $"{address} is a node address");
        }

        if (node.HostAddresses.Contains(address))
        {
            throw IntentException.Invalid(field, $"{address} is a host address");
        }

        foreach (var range in node.VirtualRanges)
        {
            if (range.Contains(address))
            {
                throw IntentException.Invalid(field, $"{address} is in the virtual address range {range}");
            }
        }

        if (node.PodRanges.Count == 0)
        {
            throw IntentException.Unavailable(
                "the node's pod ranges are not known: Node:PodRanges is not configured, and the cluster has given none (spec.podCIDRs)");
        }

        foreach (var range in node.PodRanges)
        {
            if (range.Contains(address) && Ipv4.IsUnicast(address))
            {
                return;
            }
        }

        throw IntentException.Invalid(field, $"{address} is outside the node's pod ranges ({string.Join(", ", node.PodRanges)})");
    }
}
