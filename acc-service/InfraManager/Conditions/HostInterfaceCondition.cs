using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the host's own interface is attached, where the node is to have one.</summary>
internal static class HostInterfaceCondition
{
    /// <param name="core">Holds the endpoints.</param>
    /// <param name="node">Says whether there is to be a host interface.</param>
    /// <param name="ports">What the target says of its ports.</param>
    public static Condition Of(IProgrammer core, NodeSettings node, PortReport ports)
    {
        if (node.HostAddresses.Count == 0)
        {
            return Condition.Met(ConditionNames.HostInterface, "not configured (Node:HostAddresses)");
        }

        var host = core.Endpoints.FirstOrDefault(e => e.Endpoint.Spec.Kind == EndpointKind.Host);
        if (host is null)
        {
            return Condition.Unmet(ConditionNames.HostInterface, "no agent has attached the host's interface: see 'host-stub status' on the host");
        }

        var name = host.Endpoint.Spec.PortName;
        return ports.ProblemOf(name) is { } problem
            ? Condition.Unmet(ConditionNames.HostInterface, $"port {name}: {problem}")
            : Condition.Met(ConditionNames.HostInterface);
    }
}
