using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>The endpoints of the configured uplink and of its exception port. Not stored, and no request can change them.</summary>
internal static class ConfiguredUplink
{
    /// <exception cref="UplinkTakenException">An attachment has one of the ports or the MAC address.</exception>
    public static void AddTo(NetworkModel model, NodeSettings node)
    {
        if (node.Uplink is not { } uplink)
        {
            return;
        }

        Add(model, node, EndpointKind.Uplink, uplink.Port, "Node:Uplink:Port");
        if (uplink.Exception is { } exception)
        {
            Add(model, node, EndpointKind.Exception, exception.Port, "Node:Uplink:Exception:Port");
        }
    }

    private static void Add(NetworkModel model, NodeSettings node, EndpointKind kind, string port, string key)
    {
        var endpoint = new Endpoint(
            model.Endpoints.NextId(),
            new EndpointSpec
            {
                Node = node.Name,
                Origin = ApiOrigin.Configuration,
                Key = new AttachmentKey(kind == EndpointKind.Uplink ? "uplink" : "exception", node.Name, port),
                Kind = kind,
                PortName = port,
                Mac = node.Uplink!.Mac,
                Addresses = [],
            },
            false);
        if (model.Endpoints.ConflictOf(endpoint) is { } conflict)
        {
            throw new UplinkTakenException(key, port, conflict);
        }

        model.Endpoints.Configure(endpoint);
    }
}

/// <summary>An attachment has a port or the MAC address of the configured uplink.</summary>
/// <param name="key">The configuration key of the port.</param>
/// <param name="port">The port's name.</param>
/// <param name="message">The port or MAC address, and the attachment that has it.</param>
internal sealed class UplinkTakenException(string key, string port, string message) : Exception(message)
{
    public string Key { get; } = key;

    public string Port { get; } = port;
}
