using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Lends the ports of Target:Ports to attachments. The model records which attachment has which port; this class only keeps the position
/// of the next port, so that a port is reused as late as possible and one broken port does not fail every ADD.
/// </summary>
internal sealed class PortPool(NetworkModel model, NodeSettings node)
{
    private int _next;
    private int _keptNext;

    /// <summary>The spec with the pool port that the attachment already has; unchanged when it has none.</summary>
    public EndpointSpec Keep(EndpointSpec spec, Endpoint? existing) =>
        node.Devices.NeedsPoolPort(spec) && existing is { Spec: { Device: DeviceKind.Tap, PortName: var held } }
            && node.Devices.Pool.Contains(held)
            ? spec with { PortName = held }
            : spec;

    /// <summary>The spec with a free pool port if it needs one; otherwise unchanged.</summary>
    /// <exception cref="IntentException">RESOURCE_EXHAUSTED: all pool ports are in use.</exception>
    public EndpointSpec Lend(EndpointSpec spec)
    {
        if (!node.Devices.NeedsPoolPort(spec))
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
            IntentError.ResourceExhausted,
            $"all {pool.Count} pool ports are in use, and the target cannot add ports (Target:Ports in the ACC's configuration)", "device");
    }

    /// <summary>Restores the position as of the last <see cref="Forget"/>; the model undoes its own changes.</summary>
    public void Undo() => _next = _keptNext;

    /// <summary>Makes the current position final.</summary>
    public void Forget() => _keptNext = _next;
}
