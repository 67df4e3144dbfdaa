using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Lends the ports of Target:Ports to attachments. Who holds one is in the model; here is only whose turn it is, so that a port is used
/// again as late as possible and one that can't be used does not stop every ADD.
/// </summary>
internal sealed class PortPool(NetworkModel model, NodeSettings node)
{
    private int _next;
    private int _keptNext;

    /// <summary>
    /// The spec with the port that the attachment holds already, where a port of the pool is lent to it; otherwise as it is.
    /// </summary>
    public EndpointSpec Keep(EndpointSpec spec, Endpoint? existing) =>
        node.Devices.IsLentTo(spec) && existing is { Spec: { Device: DeviceKind.Tap, PortName: var held } }
            && node.Devices.Pool.Contains(held)
            ? spec with { PortName = held }
            : spec;

    /// <summary>The spec with a free port of the pool, where it is to have one and names none; otherwise as it is.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: all are lent.</exception>
    public EndpointSpec Lend(EndpointSpec spec)
    {
        if (!node.Devices.IsLentTo(spec))
        {
            return spec;
        }

        var pool = node.Devices.Pool;
        for (var i = 0; i < pool.Count; i++)
        {
            var name = pool[(_next + i) % pool.Count];
            if (model.Endpoints.HolderOfPort(name) is not null)
            {
                continue;
            }

            _next = (_next + i + 1) % pool.Count;
            return spec with { PortName = name };
        }

        throw new IntentException(
            IntentError.ResourceExhausted, $"all {pool.Count} ports of the target are in use, and it takes no others (Target:Ports of the "
                + "ACC's configuration)", "device");
    }

    /// <summary>Takes back the turns since the last <see cref="Forget"/>, together with the model's changes.</summary>
    public void Undo() => _next = _keptNext;

    /// <summary>The turns so far stay.</summary>
    public void Forget() => _keptNext = _next;
}
