using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the host interface is attached, on a node configured to have one.</summary>
internal static class HostInterfaceCondition
{
    /// <param name="core">The programmer, which has the endpoints.</param>
    /// <param name="node">The settings that specify whether the node has a host interface.</param>
    /// <param name="ports">The target's port states.</param>
    public static Condition Of(IProgrammer core, NodeSettings node, PortReport ports)
    {
        if (node.HostAddresses.Count == 0)
        {
            return Condition.Met(ConditionNames.HostInterface, "not configured (Node:HostAddresses)");
        }

        var host = core.Endpoints.FirstOrDefault(e => e.Endpoint.Spec.Kind == EndpointKind.Host);
        if (host is null)
        {
            var missing = Condition.Unmet(
                ConditionNames.HostInterface, "no agent has attached the host interface; check 'host-stub status' on the host");
            return missing with { AwaitsAgent = true };
        }

        var name = host.Endpoint.Spec.PortName;
        return ports.ProblemOf(name) is { } problem
            ? Condition.Unmet(ConditionNames.HostInterface, $"port {name}: {problem}")
            : Condition.Met(ConditionNames.HostInterface);
    }
}
