using System.Net;
using ACCOffload.InfraManager.State;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos;
using ACCOffload.Protos.Infra;

namespace ACCOffload.InfraManager.Api;

/// <summary>Maps the 24.01 messages to the model's types.</summary>
internal static class InfraAgentRequests
{
    /// <summary>The network that attachments of a 24.01 agent are kept under: its messages name none.</summary>
    public const string Network = "infra";

    /// <summary>Where the host's interface is kept; there is one.</summary>
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
            throw IntentException.Invalid("add_request.container_ips", $"{add.ContainerIps.Count} addresses, at most {ProtocolLimits.MaxAddresses}");
        }
        // What the agent sets here is the pod's MTU on the host; 24.01's manager doesn't read it, and a wrong one is no reason to refuse a pod.
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

    /// <summary>The key of a pod's attachment: the network namespace's path, which Add and Del both carry, is unique where its last part is not.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static AttachmentKey ToKey(string parent, string netns, string interfaceName) =>
        new(Network, Required($"{parent}.netns", netns), Required($"{parent}.interface_name", interfaceName));

    /// <summary>An address with or without a prefix length.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static IPAddress ToAddress(string field, string text)
    {
        Required(field, text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var problem = Parsers.Address(slash < 0 ? text : text[..slash], out var address);
        if (problem is null && slash >= 0 && !IsPrefixLength(text.AsSpan(slash + 1), address))
        {
            problem = "has no valid prefix length";
        }

        return problem is null ? address : throw IntentException.Invalid(field, $"\"{ConfigurationError.OneLine(text)}\" {problem}");
    }

    /// <summary>A prefix; an address alone is a prefix of its whole length, as 24.01's agent sends for hosts.</summary>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static IPNetwork ToPrefix(string field, string text)
    {
        Required(field, text);
        var problem = Parsers.Network(text.Contains('/', StringComparison.Ordinal) ? text : $"{text}/{(text.Contains(':', StringComparison.Ordinal) ? 128 : 32)}", out var network);
        return problem is null ? network : throw IntentException.Invalid(field, $"\"{ConfigurationError.OneLine(text)}\" {problem}");
    }

    private static bool IsPrefixLength(ReadOnlySpan<char> text, IPAddress address) =>
        // The parser alone would pass over zero bytes at the end.
        !text.ContainsAnyExceptInRange('0', '9') && byte.TryParse(text, System.Globalization.NumberStyles.None, null, out var length)
        && length <= (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128);

    private static MacAddress ToMac(string text) =>
        MacAddress.TryParse(Required("mac_addr", text), out var mac)
            ? mac
            : throw IntentException.Invalid("mac_addr", $"\"{ConfigurationError.OneLine(text)}\" is no MAC address");

    private static string Required(string field, string text) =>
        text.Length > 0 ? text : throw IntentException.Invalid(field, "empty");
}
