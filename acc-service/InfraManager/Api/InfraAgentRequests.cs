using System.Net;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using ACCOffload.Protos.Infra;

namespace ACCOffload.InfraManager.Api;

/// <summary>Converts messages of the 24.01 API to the types of the model.</summary>
internal static class InfraAgentRequests
{
    /// <summary>The network name of a 24.01 agent's attachments, since its messages have none.</summary>
    public const string Network = "infra";

    /// <summary>What stands for the network namespace in the key of an attachment that was taken over from a 24.01 manager.</summary>
    private const string ImportedPrefix = "imported:";

    /// <summary>The key of the only host interface.</summary>
    public static AttachmentKey HostKey { get; } = new(Network, "host", "host");

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static EndpointSpec ToSpec(string node, CreateNetworkRequest request)
    {
        var add = request.AddRequest ?? throw IntentException.Invalid("add_request", "missing");
        if (add.ContainerIps.Count == 0)
        {
            throw IntentException.Invalid("add_request.container_ips", "empty");
        }

        if (add.ContainerIps.Count > ProtocolLimits.MaxAddresses)
        {
            throw IntentException.Invalid(
                "add_request.container_ips", $"{add.ContainerIps.Count} addresses, at most {ProtocolLimits.MaxAddresses}");
        }
        // The MTU in the message is ignored, as by the 24.01 manager.
        return new EndpointSpec
        {
            Node = node,
            Origin = ApiOrigin.InfraAgent,
            Key = ToKey("add_request", add.Netns, add.InterfaceName),
            Kind = EndpointKind.Pod,
            Device = DeviceKind.Tap,
            PortName = Required("host_if_name", request.HostIfName),
            Mac = ToMac(request.MacAddr),
            Addresses = [.. add.ContainerIps.Select((ip, i) => ToAddress($"add_request.container_ips[{i}].address", ip.Address))],
            PodNamespace = add.Workload?.Namespace ?? "",
            PodName = add.Workload?.Pod ?? "",
        };
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static EndpointSpec ToSpec(string node, SetupHostInterfaceRequest request) => new()
    {
        Node = node,
        Origin = ApiOrigin.InfraAgent,
        Key = HostKey,
        Kind = EndpointKind.Host,
        Device = DeviceKind.Tap,
        PortName = Required("if_name", request.IfName),
        Mac = ToMac(request.MacAddr),
        Addresses = [ToAddress("ipv4_addr", request.Ipv4Addr)],
    };

    /// <summary>
    /// The key of a pod's attachment. The path of the network namespace is in both Add and Del, and unique unlike its last part.
    /// </summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static AttachmentKey ToKey(string parent, string netns, string interfaceName) =>
        new(Network, Required($"{parent}.netns", netns), Required($"{parent}.interface_name", interfaceName));

    /// <summary>
    /// The key of a pod that was taken over from a 24.01 manager, which knows only addresses. No path of a namespace begins like this.
    /// </summary>
    public static AttachmentKey ImportedKey(IPAddress address) => new(Network, $"{ImportedPrefix}{address}", "eth0");

    /// <summary>Whether the key is one of <see cref="ImportedKey"/>.</summary>
    public static bool IsImported(AttachmentKey key) =>
        key.Network == Network && key.ContainerId.StartsWith(ImportedPrefix, StringComparison.Ordinal);

    /// <summary>An address with or without a prefix length.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static IPAddress ToAddress(string field, string text)
    {
        Required(field, text);
        string? problem;
        IPAddress address;
        if (text.Contains('/', StringComparison.Ordinal))
        {
            problem = Parsers.InterfaceAddress(text, out var parsed);
            address = parsed.Address;
        }
        else
        {
            problem = Parsers.Address(text, out address);
        }

        return problem is null ? address : throw IntentException.Invalid(field, $"\"{ConfigurationError.OneLine(text)}\" {problem}");
    }

    /// <summary>A prefix, or an address, which 24.01's agent sends for a single host.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static IPNetwork ToPrefix(string field, string text)
    {
        Required(field, text);
        var maxLength = text.Contains(':', StringComparison.Ordinal) ? 128 : 32;
        var problem = Parsers.Network(text.Contains('/', StringComparison.Ordinal) ? text : $"{text}/{maxLength}", out var network);
        return problem is null ? network : throw IntentException.Invalid(field, $"\"{ConfigurationError.OneLine(text)}\" {problem}");
    }

    /// <summary>The MAC address of a request.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static MacAddress ToMac(string text) =>
        MacAddress.TryParse(Required("mac_addr", text), out var mac)
            ? mac
            : throw IntentException.Invalid("mac_addr", $"\"{ConfigurationError.OneLine(text)}\" is not a MAC address");

    private static string Required(string field, string text) =>
        text.Length > 0 ? text : throw IntentException.Invalid(field, "empty");
}
