using System.Net;
using ACCOffload.InfraManager.Model;
using ACCOffload.NativeInterop;
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
            throw IntentException.Invalid("add_request.container_ips", "empty");
        if (add.ContainerIps.Count > EndpointRules.MaxAddresses)
            throw IntentException.Invalid("add_request.container_ips", $"{add.ContainerIps.Count} addresses, at most {EndpointRules.MaxAddresses}");
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
        var problem = text.Contains('/', StringComparison.Ordinal)
            ? IPNetwork.TryParse(text, out _) || HasPrefix(text) ? null : "has no valid prefix length"
            : null;
        IPAddress? address = null;
        problem ??= Parsers.Address(text.Split('/')[0], out address);
        return problem is null ? address! : throw IntentException.Invalid(field, $"\"{ConfigurationError.OneLine(text)}\" {problem}");
    }

    private static bool HasPrefix(string text) =>
        byte.TryParse(text.AsSpan(text.IndexOf('/', StringComparison.Ordinal) + 1), System.Globalization.NumberStyles.None, null, out var length) && length <= 128;

    private static MacAddress ToMac(string text) =>
        MacAddress.TryParse(Required("mac_addr", text), out var mac)
            ? mac
            : throw IntentException.Invalid("mac_addr", $"\"{ConfigurationError.OneLine(text)}\" is no MAC address");

    private static string Required(string field, string text) =>
        text.Length > 0 ? text : throw IntentException.Invalid(field, "empty");
}
