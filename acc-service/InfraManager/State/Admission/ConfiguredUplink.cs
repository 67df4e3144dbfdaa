using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>The uplink's endpoint, which the configuration states: it is not stored, and no request changes it.</summary>
internal static class ConfiguredUplink
{
    /// <exception cref="UplinkTakenException">An attachment holds the port or the MAC address.</exception>
    public static void AddTo(NetworkModel model, NodeSettings node)
    {
        if (node.Uplink is not { } uplink)
        {
            return;
        }

        var endpoint = new Endpoint(
            model.Endpoints.NextId(),
            new EndpointSpec
            {
                Node = node.Name,
                Origin = ApiOrigin.Configuration,
                Key = new AttachmentKey("uplink", node.Name, uplink.Port),
                Kind = EndpointKind.Uplink,
                PortName = uplink.Port,
                Mac = uplink.Mac,
                Addresses = [],
            },
            false);
        if (model.Endpoints.ConflictOf(endpoint) is { } conflict)
        {
            throw new UplinkTakenException(conflict);
        }

        model.Endpoints.Configure(endpoint);
    }
}

/// <summary>An attachment holds what the configured uplink needs.</summary>
internal sealed class UplinkTakenException(string message) : Exception(message);
