using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>The endpoint of the configured uplink. It is not stored, and no request can change it.</summary>
internal static class ConfiguredUplink
{
    /// <exception cref="UplinkTakenException">An attachment has the port or the MAC address.</exception>
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

/// <summary>An attachment has the port or MAC address of the configured uplink.</summary>
internal sealed class UplinkTakenException(string message) : Exception(message);
